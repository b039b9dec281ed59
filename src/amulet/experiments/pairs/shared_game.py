"""Runs an attack or audit on two models, with the same records and the same random choices."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from amulet.core.data import concatenate
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import AmuletError
from amulet.core.metric import Undefined
from amulet.core.model import device_of
from amulet.core.outcome import Outcome
from amulet.core.probe import Game, Probe
from amulet.core.roles import TARGET
from amulet.core.split import Division, Split
from amulet.core.threat import TrainedModel


@dataclass(frozen=True, eq=False)
class SharedGame:
    """What all attacks and audits of a comparison have in common.

    Attributes:
        models: the model before and the model after.
        records: the data set.
        division: who holds which training records.
        alike: whether both models have the same class, structure and weights.
    """

    models: tuple[nn.Module, nn.Module]
    records: AmuletDataset
    division: Division
    alike: bool

    def play(self, probe: Probe[Any], seed: int) -> tuple[Outcome, Outcome] | Undefined:
        """The outcomes of a probe on both models, or the reason why there is none for one of them.

        Raises:
            AmuletError: the two outcomes do not have the same records in the same order.
        """
        first, second = (self._played(probe, model, seed) for model in self.models)
        if isinstance(first, Undefined):
            return first
        if isinstance(second, Undefined):
            return second
        named = ((getattr(first, name), getattr(second, name)) for name in first.truth)
        if len(first) != len(second) or not all(torch.equal(one, other) for one, other in named):
            raise AmuletError(f"{probe} gave outcomes of other records for the second model than for the first.")
        return first, second

    def _played(self, probe: Probe[Any], model: nn.Module, seed: int) -> Outcome | Undefined:
        target = TrainedModel(model, self.records.train.index[self.division.members])
        game = Game({TARGET: (target,)}, self.records, self.division, seed, str(device_of(model)))
        outcome: Outcome | Undefined = probe.play(game)
        return outcome if isinstance(outcome, Undefined) else outcome.cpu()


def game_records(dataset: AmuletDataset, split: Split | None) -> tuple[AmuletDataset, Division]:
    """The data set as attacks need it, and who holds which training records.

    Without a split all training records are members, and the test records are appended to them as the attacker's
    auxiliary records. So attacks find members and non-members in the same places as in an assessment.
    """
    if split is not None:
        return dataset, split.divide(len(dataset.train))
    train, test = dataset.train, dataset.test
    if torch.isin(test.index, train.index).any():  # both parts count from zero
        test = replace(test, index=test.index - test.index.min() + train.index.max() + 1)
    places = torch.arange(len(train) + len(test))
    division = Division(members=places[: len(train)], auxiliary=places[len(train) :], validation=places[:0])
    return AmuletDataset(dataset.name, concatenate(train, test), test), division


def equal_outcomes(first: Outcome, second: Outcome) -> bool:
    """Whether all tensors of two outcomes of the same class are equal."""
    others = second.tensors()
    return all(torch.equal(tensor, others[name]) for name, tensor in first.tensors().items())
