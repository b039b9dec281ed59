"""Who holds which training records: one split for all risks, drawn by seed."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from amulet.core.data import Data
from amulet.core.errors import Problem
from amulet.core.seeds import generator
from amulet.core.spec import NonNegativeInt, OpenProbability, Probability, Spec


@dataclass(frozen=True)
class Division:
    """Places of records in the training data, each in ascending order; no record has two holders."""

    members: Tensor
    auxiliary: Tensor
    validation: Tensor

    @property
    def pool(self) -> Tensor:
        """Members and auxiliary records together, in ascending order."""
        return torch.cat([self.members, self.auxiliary]).sort().values


@dataclass(frozen=True)
class Split(Spec):
    """How the training data are divided.

    The defender's clean validation records are carved out first (`validation`, a share of all); of the
    rest the target trains on a share of `members` and the attacker holds the others as auxiliary records:
    non-members, queries, its own training data. The test set is nobody's.
    """

    seed: NonNegativeInt = 0
    members: OpenProbability = 0.5
    validation: Probability = 0.1

    def problems(self) -> Iterator[Problem]:
        """Say when nobody would hold anything."""
        if self.validation > 0.9:
            yield self.problem("validation", "at most 0.9")

    def divide(self, records: int) -> Division:
        """The places of `records` training records, by holder."""
        order = torch.randperm(records, generator=generator(self.seed, "split"))
        validation = round(self.validation * records)
        members = round(self.members * (records - validation))
        parts = order.tensor_split([validation, validation + members])
        return Division(
            validation=parts[0].sort().values,
            members=parts[1].sort().values,
            auxiliary=parts[2].sort().values,
        )

    def validation_of(self, data: Data) -> Data:
        """The defender's clean records among the training data."""
        return data[self.divide(len(data)).validation]


@dataclass(frozen=True)
class Draw(Spec):
    """The training records of one model."""

    @property
    @abstractmethod
    def origin(self) -> Split:
        """The split that it draws from."""

    @abstractmethod
    def choose(self, records: int) -> Tensor:
        """Places in the training data, ascending."""

    def take(self, data: Data) -> Data:
        """The chosen records of the training data; a hook for draws that change them."""
        return data[self.choose(len(data))]


@dataclass(frozen=True)
class SplitDraw(Draw):
    """A draw straight from a split."""

    split: Split

    @property
    def origin(self) -> Split:
        """Its split."""
        return self.split


@dataclass(frozen=True)
class MemberDraw(SplitDraw):
    """The target's own training records."""

    def choose(self, records: int) -> Tensor:
        """All members."""
        return self.split.divide(records).members


@dataclass(frozen=True)
class AuxiliaryDraw(SplitDraw):
    """The attacker's own records, none of them a member; numbers tell models apart that share them."""

    number: NonNegativeInt = 0

    def choose(self, records: int) -> Tensor:
        """All auxiliary records."""
        return self.split.divide(records).auxiliary


@dataclass(frozen=True)
class ShadowDraw(SplitDraw):
    """A random half of members and auxiliary records together.

    Numbers 2k and 2k+1 are complementary halves, so that every record is in as many shadows as it is out
    of, and the first 8 of 16 shadows are the 8 (Carlini et al. 2022, section IV-A, balances likewise).
    """

    number: NonNegativeInt = 0

    def choose(self, records: int) -> Tensor:
        """One half of the pool."""
        pool = self.split.divide(records).pool
        order = torch.randperm(len(pool), generator=generator(self.split.seed, "shadow", self.number // 2))
        half = order.tensor_split(2)[self.number % 2]
        return pool[half].sort().values
