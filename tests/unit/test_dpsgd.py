"""DP-SGD as a defense: what it may be asked for, what it reports, and batches of any size."""

from dataclasses import replace
from math import inf

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

from amulet.core.data import Data
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidParameter
from amulet.core.seeds import generator
from amulet.evasion.defenses import AdversarialTraining
from amulet.functional.perturbations.pgd import Classifier
from amulet.membership_inference import defenses
from amulet.models import LinearNet
from amulet.training import DPSGD, SGD, Cosine, LogitAdjustment, Recipe
from amulet.training.dpsgd import epsilon_of
from amulet.training.updates import Pace

NOISY = DPSGD(epsilon=None, noise_multiplier=1.0, delta=1e-4, accountant="rdp")


def same(first: nn.Module, second: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


@pytest.mark.parametrize(("epsilon", "noise_multiplier"), [(8.0, 1.0), (None, None)])
def test_either_epsilon_or_noise_is_stated(epsilon: float | None, noise_multiplier: float | None) -> None:
    with pytest.raises(
        InvalidParameter, match="'noise_multiplier' of DPSGD must be given if and only if 'epsilon' is None"
    ):
        DPSGD(epsilon=epsilon, noise_multiplier=noise_multiplier)


def test_without_clipping_there_can_be_no_noise() -> None:
    """Noise in units of an infinite clip would be infinite: the weights would be NaN."""
    with pytest.raises(InvalidParameter, match="'clip' of DPSGD"):
        DPSGD(epsilon=8.0, clip=inf)
    assert DPSGD(epsilon=None, noise_multiplier=0.0, clip=inf).clip == inf


def test_the_noise_is_finite() -> None:
    """Opacus would look for the epsilon of infinite noise without end."""
    with pytest.raises(InvalidParameter, match="The 'noise_multiplier' of DPSGD must be a finite number"):
        DPSGD(epsilon=None, noise_multiplier=inf)


def test_epsilon_is_never_below_zero() -> None:
    assert epsilon_of(1.0, 0.5, 0.01, 100, "prv") == 0


def test_delta_must_be_below_one_over_the_records(recipe: Recipe, dataset: AmuletDataset) -> None:
    with pytest.raises(InvalidParameter) as caught:
        DPSGD(delta=0.005).train(recipe, dataset.train, seed=0)
    (problem,) = caught.value.problems
    assert problem.sentence == ("The 'delta' of DPSGD must be below one over the 200 training records. Got 0.005.")


def test_the_guarantee_is_among_the_facts(recipe: Recipe, dataset: AmuletDataset) -> None:
    facts = NOISY.train(recipe, dataset.train, seed=0).facts
    assert facts.keys() >= {"epsilon", "delta", "noise_multiplier", "sampling_rate", "steps"}
    assert (facts["delta"], facts["noise_multiplier"], facts["sampling_rate"]) == (1e-4, 1.0, 32 / 200)


def test_the_model_is_an_ordinary_module(recipe: Recipe, dataset: AmuletDataset) -> None:
    private, plain = NOISY.train(recipe, dataset.train, seed=0).model, recipe.fit(dataset.train, seed=0).model
    assert type(private) is type(plain)
    assert private.state_dict().keys() == plain.state_dict().keys()
    assert all(parameter.grad_fn is None for parameter in private.parameters())


def test_the_same_seed_gives_the_same_noise(recipe: Recipe, dataset: AmuletDataset) -> None:
    first, again, other = (NOISY.train(recipe, dataset.train, seed=seed).model for seed in (1, 1, 2))
    assert same(first, again)
    assert not same(first, other)


def test_the_noise_does_not_move_the_batches(recipe: Recipe, dataset: AmuletDataset) -> None:
    """Without a gradient to speak of, twice the noise is twice the way: everything else is paired."""
    still = replace(recipe, optimizer=SGD(lr=1e-3, momentum=0), model=LinearNet(hidden=(), norm="none"))
    start = replace(still, optimizer=SGD(lr=1e-30)).fit(dataset.train, seed=0).model
    ways = []
    for sigma in (1.0, 2.0):
        defense = replace(NOISY, clip=1e-12, noise_multiplier=sigma * 1e12)
        end = defense.train(still, dataset.train, seed=0).model
        ways.append(torch.cat([(a - b).flatten() for a, b in zip(end.parameters(), start.parameters(), strict=True)]))
    assert torch.allclose(ways[1], 2 * ways[0], rtol=1e-3, atol=1e-6)


def test_every_record_joins_every_batch_by_a_coin_of_its_own() -> None:
    rule = NOISY.begin(Pace(records=500, batch_size=50, epochs=40), 0, "cpu")
    order = Generator().manual_seed(0)
    batches = [batch for _ in range(40) for batch in rule.epoch(order)]
    sizes = torch.tensor([float(len(batch)) for batch in batches])
    assert len(batches) == 400
    assert sizes.mean().item() == pytest.approx(50, abs=4 * (45 / 400) ** 0.5)
    assert sizes.var().item() == pytest.approx(45, rel=0.3)
    assert all(len(set(batch.tolist())) == len(batch) for batch in batches)


def test_empty_batches_are_steps_too(dataset: AmuletDataset) -> None:
    recipe = Recipe(LinearNet(hidden=(4,), norm="group"), epochs=10, batch_size=1)
    data, defense = dataset.train[torch.arange(4)], replace(NOISY, delta=0.01)
    rule, order = defense.begin(Pace(4, 1, 10), 0, "cpu"), generator(0, "order")
    assert any(len(batch) == 0 for _ in range(10) for batch in rule.epoch(order))
    fitted = AdversarialTraining(steps=1).train(defense.apply(recipe), data, seed=0)
    assert fitted.facts["steps"] == 40
    assert all(parameter.isfinite().all() for parameter in fitted.model.parameters())


@pytest.mark.parametrize("lot_size", [16, 100])
def test_the_lot_size_is_the_batch_size_under_another_name(dataset: AmuletDataset, lot_size: int) -> None:
    """The same noise, steps and schedule, whichever of the two says how large a batch is."""
    shared = Recipe(LinearNet(hidden=(4,), norm="none"), epochs=3, batch_size=48, schedule=Cosine())
    by_lot = replace(NOISY, lot_size=lot_size).train(shared, dataset.train, seed=0)
    by_batch = NOISY.train(replace(shared, batch_size=lot_size), dataset.train, seed=0)
    assert by_lot.facts["steps"] == by_batch.facts["steps"]
    assert same(by_lot.model, by_batch.model)


@pytest.mark.parametrize("most", [1, 7, 1000])
def test_a_physical_batch_bounds_memory_and_changes_neither_noise_nor_epsilon(
    recipe: Recipe, dataset: AmuletDataset, most: int
) -> None:
    whole, parts = (replace(NOISY, physical_batch=size).train(recipe, dataset.train, seed=0) for size in (None, most))
    known = {"epsilon", "delta", "noise_multiplier", "sampling_rate", "steps"}
    assert {name: parts.facts[name] for name in known} == {name: whole.facts[name] for name in known}
    for one, other in zip(whole.model.parameters(), parts.model.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_no_more_records_than_the_physical_batch_are_asked_for_at_one_time(
    recipe: Recipe, dataset: AmuletDataset
) -> None:
    sizes = []
    model = recipe.build(dataset.schema)
    rule = replace(NOISY, physical_batch=16).begin(Pace(200, 100, 1), 0, "cpu")

    def losses(classify: Classifier, batch: Data) -> Tensor:
        sizes.append(len(batch))
        return cross_entropy(classify(batch.x), batch.y, reduction="none")

    rule.backward(losses, model, dataset.train[torch.arange(90)])
    assert max(sizes) == 16


def test_what_cannot_be_accounted_for_is_refused_before_training(recipe: Recipe, dataset: AmuletDataset) -> None:
    """Numerical composition would need 30 GiB for it, and used to say so once the model was trained."""
    defense, long = DPSGD(epsilon=None, noise_multiplier=0.05, delta=1e-4), replace(recipe, epochs=100, batch_size=20)
    (problem,) = defense.apply(long).data_problems(dataset.schema, 200)
    assert problem.parameter == "noise_multiplier"
    assert "The accountant 'prv' of DPSGD has no answer for noise_multiplier 0.05 and delta 0.0001" in problem.sentence
    assert "or let the accountant 'rdp' compute a bound" in problem.sentence
    assert not list(replace(defense, accountant="rdp").apply(long).data_problems(dataset.schema, 200))


def test_stated_class_shares_go_with_it(recipe: Recipe, dataset: AmuletDataset) -> None:
    adjusted = replace(recipe, objective=LogitAdjustment(class_shares=(0.4, 0.6)))
    assert NOISY.train(adjusted, dataset.train, seed=0).facts["records"] == 200


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_it_goes_with_adversarial_training_and_dropout(dataset: AmuletDataset, dropout: float) -> None:
    recipe = Recipe(LinearNet(hidden=(4,), norm="group", dropout=dropout), epochs=1, batch_size=32)
    both = AdversarialTraining(steps=1).apply(NOISY.apply(recipe))
    first, again = (both.fit(dataset.train, seed=0).model for _ in range(2))
    assert same(first, again)


def test_both_defenses_packages_that_need_it_export_the_one_class() -> None:
    assert defenses.DPSGD is DPSGD
