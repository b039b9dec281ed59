"""Many models of one recipe, as shadows need them."""

from dataclasses import replace

import pytest
import torch

from amulet.core.dataset import AmuletDataset
from amulet.core.split import ShadowDraw, Split
from amulet.models import LinearNet
from amulet.training import Recipe, fit_population, fit_shadows
from amulet.training.population import own_seed


def test_twenty_steps_of_a_population_equal_single_runs(dataset: AmuletDataset, double: None) -> None:
    del double
    data = replace(dataset.train, x=dataset.train.x.double())
    recipe = Recipe(LinearNet(hidden=(8,), norm="batch", dropout=0.1), epochs=5, batch_size=25)
    subsets = [ShadowDraw(Split(validation=0), number).choose(data) for number in range(3)]
    together = list(fit_population(recipe, data, subsets, [5, 6, 7]))
    alone = [recipe.fit(data[subset], seed=seed) for subset, seed in zip(subsets, [5, 6, 7], strict=True)]
    assert [fitted.facts["steps"] for fitted in together] == [20, 20, 20]
    for one, other in zip(together, alone, strict=True):
        for name, tensor in other.model.state_dict().items():
            torch.testing.assert_close(one.model.state_dict()[name], tensor, rtol=1e-9, atol=1e-12)


def test_every_subset_needs_a_seed(recipe: Recipe, dataset: AmuletDataset) -> None:
    with pytest.raises(ValueError, match="shorter"):
        list(fit_population(recipe, dataset.train, [torch.arange(50)] * 2, [0]))


def test_shadows_know_their_training_records(recipe: Recipe, dataset: AmuletDataset) -> None:
    split = Split(seed=2)
    shadows = fit_shadows(recipe, dataset, split, 2)
    pool = dataset.train.index[split.divide(200).pool]
    first, second = (shadow.trained_on(pool) for shadow in shadows)
    assert torch.equal(first, ~second)
    assert not shadows[0].trained_on(dataset.test.index).any()


def test_more_shadows_begin_with_the_same_ones(recipe: Recipe, dataset: AmuletDataset) -> None:
    few, more = (fit_shadows(recipe, dataset, Split(), count) for count in (2, 4))
    for one, other in zip(few, more, strict=False):
        assert torch.equal(one.index, other.index)
        for a, b in zip(one.model.parameters(), other.model.parameters(), strict=True):
            assert torch.equal(a, b)


def test_shadows_are_trained_under_seeds_of_their_own() -> None:
    assert len({0, *(own_seed(0, number) for number in range(16))}) == 17
