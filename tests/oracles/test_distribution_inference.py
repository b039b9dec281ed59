"""Distribution inference against closed forms, independent libraries, chance, and real records."""

import os
from dataclasses import replace

import pytest
import torch
from scipy import stats
from torch import Generator, Tensor, nn

from amulet.core.split import RatioDraw, Split
from amulet.core.threat import TrainedModel
from amulet.datasets import Census
from amulet.distribution_inference import Worlds
from amulet.distribution_inference.attacks import SuriEvans
from amulet.distribution_inference.metrics import auc, p_value
from amulet.experiments import game_for
from amulet.functional.divergence import kl_divergence, votes_for_second
from amulet.functional.roc import area_under, roc
from amulet.functional.set_network import layers_of, stacked, trained_set_network
from amulet.models import LinearNet
from amulet.statistics.permutation import permutation_p_value
from amulet.training import Adam, Recipe

needs_data = pytest.mark.skipif("AMULET_DATA" not in os.environ, reason="needs the files of $AMULET_DATA")


def test_the_divergence_is_that_of_scipy() -> None:
    rng = Generator().manual_seed(0)
    first, second = (torch.rand(5, 4, generator=rng).softmax(1) for _ in range(2))
    expected = stats.entropy(first.double().numpy(), second.double().numpy(), axis=1)
    assert torch.allclose(kl_divergence(first, second), torch.from_numpy(expected))


def test_votes_are_those_of_all_pairs() -> None:
    rng = Generator().manual_seed(0)
    first, second = torch.rand(6, generator=rng).double(), torch.rand(9, generator=rng).double()
    pairs = [float(one > other) for one in first for other in second]
    assert votes_for_second(first, second).item() == pytest.approx(sum(pairs) / len(pairs))


@pytest.mark.parametrize(("first", "second"), [(6, 7), (8, 8), (20, 25)])
def test_the_permutation_test_is_that_of_scipy(first: int, second: int) -> None:
    rng = Generator().manual_seed(first)
    a, b = (0.7 + torch.randn(first, generator=rng)).tolist(), torch.randn(second, generator=rng).tolist()
    expected = stats.mannwhitneyu(a, b, method="exact").pvalue
    assert permutation_p_value(a, b) == pytest.approx(expected, abs=0.01 if first > 8 else 1e-9)


def permuted(model: nn.Sequential, rng: Generator) -> nn.Sequential:
    """The same function: the units between the two layers in another order."""
    first, second = (layer for layer in model if isinstance(layer, nn.Linear | nn.Conv2d))
    order = torch.randperm(first.weight.shape[0], generator=rng)
    assert first.bias is not None
    with torch.no_grad():
        first.weight.copy_(first.weight[order])
        first.bias.copy_(first.bias[order])
        below = second.weight.view(second.weight.shape[0], len(order), -1)
        second.weight.copy_(below[:, order].reshape(second.weight.shape))
    return model


def image_model() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 4, 3))


def table_model() -> nn.Sequential:
    return nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3))


@pytest.mark.parametrize(("build", "shape"), [(image_model, (2, 1, 4, 4)), (table_model, (2, 5))])
def test_the_meta_classifier_does_not_see_the_order_of_hidden_units(build: object, shape: tuple[int, ...]) -> None:
    assert callable(build)
    torch.manual_seed(0)
    models = [build() for _ in range(8)]
    layers = [layers_of(model) for model in models]
    network = trained_set_network(stacked(layers[:4]), stacked(layers[4:]), Generator().manual_seed(0))
    model, x = models[0], torch.randn(shape)
    score, output = network(stacked([layers_of(model)])), model(x)
    other = permuted(model, Generator().manual_seed(1))
    assert torch.allclose(other(x), output, atol=1e-5)
    assert torch.allclose(network(stacked([layers_of(other)])), score, atol=1e-4)


def test_the_meta_classifier_tells_weights_apart() -> None:
    """Models whose second input has larger weights in one world, in units of random order."""
    torch.manual_seed(0)

    def models(scale: float) -> list[nn.Sequential]:
        found = []
        for _ in range(50):
            model = table_model()
            assert isinstance(model[0], nn.Linear)
            with torch.no_grad():
                model[0].weight[:, 1] *= scale
            found.append(model)
        return found

    first, second = ([layers_of(model) for model in models(scale)] for scale in (1.0, 3.0))
    network = trained_set_network(stacked(first[:30]), stacked(second[:30]), Generator().manual_seed(0))
    judged = network(stacked([*first[30:], *second[30:]]))
    assert area_under(*roc(judged, torch.arange(40) >= 20)) > 0.9


RECIPE = Recipe(LinearNet((32, 16), norm="group"), epochs=5, optimizer=Adam(lr=2e-3))


@needs_data
def test_the_share_of_women_in_the_training_data_of_census_models_is_inferred() -> None:
    data, attack = Census().load(), SuriEvans(shadows=6, size=0.2)
    outcome = attack.play(game_for(attack, RECIPE, data, Split()))
    found, chance = auc(outcome), p_value(outcome)
    assert isinstance(found, float)
    assert isinstance(chance, float)
    assert found > 0.8
    assert chance < 0.02


@needs_data
def test_worlds_of_equal_shares_give_no_signal() -> None:
    """Twenty adversaries judge 200 models of one share: were draws recognised, areas would be far from one half."""
    data = Census().load()
    recipe = Recipe(LinearNet((8,), norm="group"), epochs=2, optimizer=Adam(lr=0.01))

    def trained(holder: str, number: int) -> TrainedModel:
        draw = RatioDraw(Split(), holder, "sex", 1, 0.5, size=0.03, number=number)  # type: ignore[arg-type]
        records = draw.take(data.train)
        return TrainedModel(recipe.fit(records, seed=number).model, records.index)

    victims = [trained("members", number) for number in range(200)]
    queries = RatioDraw(Split(), "auxiliary", "sex", 1, 0.5, size=0.03, number=999).take(data.train)
    within = 0
    for null in range(20):
        own = [trained("auxiliary", 1000 + 8 * null + place) for place in range(8)]
        attack = SuriEvans()
        judge = attack.judge(Worlds(own[:4], own[4:], queries, seed=null))
        scores = torch.tensor([attack._score(judge, victim.model, queries) for victim in victims])
        world = random_halves(len(victims), null)
        within += 0.4 <= area_under(*roc(scores, world)) <= 0.6
    assert within >= 19


def random_halves(count: int, seed: int) -> Tensor:
    return torch.randperm(count, generator=Generator().manual_seed(seed)) < count // 2


@needs_data
def test_one_draw_for_all_models_of_a_world_would_be_recognised() -> None:
    """What a public implementation does: with equal shares the area is far from one half."""
    data = Census().load()
    recipe = Recipe(LinearNet((8,), norm="group"), epochs=10, optimizer=Adam(lr=0.01))
    groups = []
    for world in range(2):
        records = RatioDraw(Split(), "members", "sex", 1, 0.5, size=0.01, number=world).take(data.train)
        groups.append([TrainedModel(recipe.fit(records, seed=seed).model, records.index) for seed in range(8)])
    queries = RatioDraw(Split(), "auxiliary", "sex", 1, 0.5, size=0.03, number=9).take(data.train)
    attack = replace(SuriEvans(), shadows=4)
    judge = attack.judge(Worlds(groups[0][:4], groups[1][:4], queries, seed=0))
    judged = torch.tensor([attack._score(judge, each.model, queries) for group in groups for each in group[4:]])
    assert area_under(*roc(judged, torch.arange(8) >= 4)) > 0.9
