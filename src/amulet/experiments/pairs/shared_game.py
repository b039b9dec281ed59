"""Runs an attack or audit on two models, with the same records and the same random choices."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from amulet.core.data import Data, concatenate
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
        first, second = (played(probe, model, self.records, self.division, seed) for model in self.models)
        if isinstance(first, Undefined):
            return first
        if isinstance(second, Undefined):
            return second
        named = ((getattr(first, name), getattr(second, name)) for name in first.truth)
        if len(first) != len(second) or not all(torch.equal(one, other) for one, other in named):
            raise AmuletError(f"{probe} gave outcomes of other records for the second model than for the first.")
        return first, second


def played(
    probe: Probe[Any], model: nn.Module, records: AmuletDataset, division: Division, seed: int
) -> Outcome | Undefined:
    """The outcome of a probe on one model that is trained already, on the CPU, or why there is none."""
    target = TrainedModel(model, records.train.index[division.members])
    game = Game({TARGET: (target,)}, records, division, seed, str(device_of(model)))
    outcome: Outcome | Undefined = probe.play(game)
    return outcome if isinstance(outcome, Undefined) else outcome.cpu()


def game_records(dataset: AmuletDataset, split: Split | None) -> tuple[AmuletDataset, Division]:
    """The data set as attacks need it, and who holds which training records.

    Without a split all training records are members, and the test records are the attacker's auxiliary records.
    """
    if split is not None:
        return dataset, split.divide(len(dataset.train))
    return joined_records(dataset.name, dataset.train, dataset.test, dataset.test)


def joined_records(name: str, members: Data, others: Data, test: Data) -> tuple[AmuletDataset, Division]:
    """A data set whose training part holds first the members and behind them the attacker's auxiliary records.

    So attacks find members and non-members in the same places as in an assessment.

    Args:
        name: of the data set.
        members: the records that the model was trained on.
        others: the attacker's records, none of them a member.
        test: the test records; they may be the others.
    """
    same = others is test
    if torch.isin(others.index, members.index).any():  # both parts count from zero
        others = replace(others, index=others.index - others.index.min() + members.index.max() + 1)
    places = torch.arange(len(members) + len(others))
    division = Division(members=places[: len(members)], auxiliary=places[len(members) :], validation=places[:0])
    return AmuletDataset(name, concatenate(members, others), others if same else test), division


def equal_outcomes(first: Outcome, second: Outcome) -> bool:
    """Whether all tensors of two outcomes of the same class are equal."""
    others = second.tensors()
    return all(torch.equal(tensor, others[name]) for name, tensor in first.tensors().items())
