"""Which models DP-SGD may train: one record moves a clipped sum by the bound at most, and nothing passes the noise.

Abadi et al. 2016, https://arxiv.org/abs/1607.00133, Algorithm 1: the noise is scaled to that bound.
"""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidParameter
from amulet.experiments import Experiment, Row, plan
from amulet.models import ImportedModel
from amulet.training import DPSGD, Recipe
from amulet.training.clipped_sums import form_for
from amulet.training.loop import record_losses

PRIVATE = DPSGD(epsilon=None, noise_multiplier=1.0, delta=1e-3, accountant="rdp")


class Folded(nn.Module):
    """A user's net that makes five rows of a record, takes them through its layers and averages."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(1, 8), nn.ReLU(), nn.Linear(8, 2))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x.reshape(5 * len(x), 1)).view(len(x), 5, 2).mean(1)  # type: ignore[no-any-return]


class CenteredInTraining(nn.Module):
    """A user's net that subtracts the batch's mean, but only while it is trained."""

    def __init__(self, drop: float = 0.0) -> None:
        super().__init__()
        self.head = nn.Sequential(nn.Dropout(drop), nn.Linear(5, 2))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x - x.mean(0) if self.training else x)  # type: ignore[no-any-return]


class RunningMean(nn.Module):
    """A user's net that follows the mean of its inputs; no record's output depends on another record's batch."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(5, 2)
        self.register_buffer("mean", torch.zeros(5))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.mean.lerp_(x.detach().mean(0), 0.1)
        return self.head(x)  # type: ignore[no-any-return]


class Dropping(nn.Module):
    """A user's net with dropout that is no layer of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(dropout(x, 0.5, self.training))  # type: ignore[no-any-return]


def instance_norm(*, tracked: bool) -> nn.Module:
    norm = nn.InstanceNorm2d(4, track_running_stats=tracked)
    return nn.Sequential(nn.Conv2d(3, 4, 3), norm, nn.Flatten(), nn.Linear(4 * 4 * 4, 3))


def private(model: str, **arguments: float) -> Recipe:
    """A model of this file's, to be trained for an epoch with DP-SGD."""
    return PRIVATE.apply(Recipe(ImportedModel(f"{__name__}:{model}", tuple(arguments.items())), epochs=1))


def problems(recipe: Recipe, dataset: AmuletDataset) -> list[str]:
    return [problem.sentence for problem in recipe.data_problems(dataset.schema, len(dataset.train))]


def test_a_record_folded_into_several_rows_is_clipped_as_one(double: None, dataset: AmuletDataset) -> None:
    """Adding any one record moves the sum by at most the bound, not by the bound for each of its rows."""
    del double
    torch.manual_seed(0)
    model, bound = Folded(), 1e-3
    batch = replace(dataset.train, x=dataset.train.x.double())[torch.arange(8)]
    losses = record_losses(Recipe(ImportedModel(f"{__name__}:Folded")), batch)
    clipped_sum = form_for(losses, model, batch).clipped_sum
    whole = clipped_sum(losses, model, batch, bound)
    for place in range(len(batch)):
        without = clipped_sum(losses, model, batch[torch.arange(len(batch)) != place], bound)
        moved = torch.cat([(whole[name] - without[name]).flatten() for name in whole]).norm()
        assert moved <= bound * (1 + 1e-9)


def test_a_model_that_mixes_records_only_in_training_is_refused(dataset: AmuletDataset) -> None:
    recipe = private("CenteredInTraining")
    with pytest.raises(InvalidParameter, match="ImportedModel gives a record other outputs in other batches"):
        recipe.fit(dataset.train, seed=0)
    assert replace(recipe, stages=()).fit(dataset.train, seed=0).facts["records"] == 200


def test_it_is_refused_before_any_training(dataset: AmuletDataset) -> None:
    recipe = replace(private("CenteredInTraining"), stages=())
    with pytest.raises(InvalidParameter, match="Row 'dp-sgd': ImportedModel gives a record other outputs"):
        plan(Experiment("private", None, recipe, (Row("dp-sgd", (PRIVATE,)),)), dataset)


def test_running_statistics_are_refused(dataset: AmuletDataset, images: AmuletDataset) -> None:
    """They would leave training without noise, inside the model."""
    (own,) = problems(private("RunningMean"), dataset)
    (tracked,) = problems(private("instance_norm", tracked=True), images)
    assert "ImportedModel keeps running statistics of the data" in own
    assert "ImportedModel keeps running statistics of the data" in tracked
    with pytest.raises(InvalidParameter, match="running statistics"):
        private("RunningMean").fit(dataset.train, seed=0)


def test_what_stays_within_one_record_is_not_refused(dataset: AmuletDataset, images: AmuletDataset) -> None:
    assert problems(private("instance_norm", tracked=False), images) == []
    assert problems(private("Folded"), dataset) == []


def test_dropout_is_not_taken_for_mixing(dataset: AmuletDataset) -> None:
    """It gives a record another output every time, whichever records are beside it."""
    assert problems(private("Dropping"), dataset) == []


def test_dropout_hides_no_mixing(dataset: AmuletDataset) -> None:
    (found,) = problems(private("CenteredInTraining", drop=0.5), dataset)
    assert "ImportedModel gives a record other outputs in other batches" in found
