"""The division of the training records among target, attacker and defender: one random split for all risks."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import floor
from typing import Literal

import torch
from torch import Generator, Tensor

from amulet.core.data import Data
from amulet.core.errors import InvalidData, Problem
from amulet.core.records.synthetic import random_inputs, unlabelled
from amulet.core.seeds import generator
from amulet.core.short_repr import short_repr
from amulet.core.spec import Count, NonNegativeInt, OpenProbability, Probability, Spec


@dataclass(frozen=True)
class Division:
    """The holders of the training records. Each record has one holder at most.

    Attributes:
        members: positions of the target's training records, ascending.
        auxiliary: positions of the attacker's records, ascending.
        validation: positions of the defender's clean records, ascending.
    """

    members: Tensor
    auxiliary: Tensor
    validation: Tensor

    __repr__ = short_repr

    @property
    def pool(self) -> Tensor:
        """Members and auxiliary records together, in ascending order."""
        return torch.cat([self.members, self.auxiliary]).sort().values


@dataclass(frozen=True)
class Split(Spec):
    """How the training records are divided.

    The attacker uses its auxiliary records as non-members, as queries, or to train models of its own. The test set is
    not divided.

    Attributes:
        seed: of the random division.
        members: the share of the target's training records among those that are not validation records; the others are
            the attacker's auxiliary records.
        validation: the share of the defender's clean validation records among all; they are set aside first.
    """

    seed: NonNegativeInt = 0
    members: OpenProbability = 0.5
    validation: Probability = 0.1

    def problems(self) -> Iterator[Problem]:
        """Too large a share of validation records would leave none to train on."""
        if self.validation > 0.9:
            yield self.problem("validation", "at most 0.9")

    def divide(self, records: int) -> Division:
        """The positions of the training records by holder, out of `records` in total."""
        kept = _divided(self, records)
        return Division(kept.members.clone(), kept.auxiliary.clone(), kept.validation.clone())

    def validation_of(self, data: Data) -> Data:
        """The defender's clean records among the training data."""
        return data[self.divide(len(data)).validation]


@lru_cache(maxsize=4)
def _divided(split: Split, records: int) -> Division:
    """The last divisions stay at hand, since a plan asks for the same one hundreds of times."""
    order = torch.randperm(records, generator=generator(split.seed, "split"))
    validation = round(split.validation * records)
    members = round(split.members * (records - validation))
    parts = order.tensor_split([validation, validation + members])
    return Division(
        validation=parts[0].sort().values,
        members=parts[1].sort().values,
        auxiliary=parts[2].sort().values,
    )


@dataclass(frozen=True)
class Draw(Spec):
    """The training records of one model."""

    @property
    @abstractmethod
    def origin(self) -> Split:
        """The split that it draws from."""

    @abstractmethod
    def choose(self, data: Data) -> Tensor:
        """Positions of the chosen records in the training data, ascending."""

    def take(self, data: Data) -> Data:
        """The chosen records of the training data; a hook for draws that change them."""
        return data[self.choose(data)]

    @property
    def tampering(self) -> Spec | None:
        """The attack that tampers with the records, if there is one; a hook for draws that an attack makes."""
        return None

    def count(self, data: Data) -> int:
        """The number of records that `take` gives; a hook for draws that add some."""
        return len(self.choose(data))

    def data_problems(self, data: Data) -> Iterator[Problem]:
        """The reasons why the draw cannot be made from these training data; a hook for subclasses."""
        del data
        yield from ()


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

    def choose(self, data: Data) -> Tensor:
        """All members."""
        return self.split.divide(len(data)).members


@dataclass(frozen=True)
class AuxiliaryDraw(SplitDraw):
    """The attacker's own records, none of them a member; `number` distinguishes models trained on the same records."""

    number: NonNegativeInt = 0

    def choose(self, data: Data) -> Tensor:
        """All auxiliary records."""
        return self.split.divide(len(data)).auxiliary


@dataclass(frozen=True)
class AuxiliaryHalfDraw(SplitDraw):
    """A random half of the attacker's own records, for a model that it then asks about the other half.

    A model treats records that it was trained on differently from others, so an attacker who wants to know how a model
    answers about others has to keep some back.

    Attributes:
        number: distinguishes models trained on the same half.
    """

    number: NonNegativeInt = 0

    def choose(self, data: Data) -> Tensor:
        """One half of the auxiliary records, the same for every number."""
        auxiliary = self.split.divide(len(data)).auxiliary
        order = torch.randperm(len(auxiliary), generator=generator(self.split.seed, "auxiliary half"))
        return auxiliary[order.tensor_split(2)[0]].sort().values

    def count(self, data: Data) -> int:
        """The larger half, where they differ."""
        return (len(self.split.divide(len(data)).auxiliary) + 1) // 2


@dataclass(frozen=True)
class ShadowDraw(SplitDraw):
    """A random half of members and auxiliary records together.

    Numbers 2k and 2k+1 are complementary halves, so that each record is in exactly half of an even number of shadows
    (balanced as in Carlini et al. 2022, section IV-A). The halves do not depend on the number of shadows, so the first
    8 of 16 shadows are those of an attack with 8.
    """

    number: NonNegativeInt = 0

    def choose(self, data: Data) -> Tensor:
        """One half of the pool."""
        pool = self.split.divide(len(data)).pool
        order = torch.randperm(len(pool), generator=generator(self.split.seed, "shadow", self.number // 2))
        half = order.tensor_split(2)[self.number % 2]
        return pool[half].sort().values

    def count(self, data: Data) -> int:
        """The larger half for even numbers, where the two differ."""
        division = self.split.divide(len(data))
        return (len(division.members) + len(division.auxiliary) + 1 - self.number % 2) // 2


@dataclass(frozen=True)
class WholeDraw(SplitDraw):
    """All training records, for models that are trained on another data set than the one that is divided."""

    def choose(self, data: Data) -> Tensor:
        """Every record."""
        return torch.arange(len(data))


@dataclass(frozen=True)
class NoiseDraw(SplitDraw):
    """Random records within the bounds of the data set, none of them its own; for queries of an attacker without data.

    Attributes:
        records: how many.
    """

    records: Count = 1000

    def choose(self, data: Data) -> Tensor:
        """No record of the data set."""
        del data
        return torch.empty(0, dtype=torch.int64)

    def count(self, data: Data) -> int:
        """As many as stated."""
        del data
        return self.records

    def take(self, data: Data) -> Data:
        """The random records, without meaningful labels."""
        rng = generator(self.split.seed, "noise queries")
        return unlabelled(random_inputs(data.schema, self.records, rng), data.schema)


@dataclass(frozen=True)
class RatioDraw(SplitDraw):
    """Records of one holder, re-sampled without replacement so that a value of an attribute has a stated share.

    Every draw of one `size` has the same number of records, whatever its `ratio`, so that models trained on two of
    them differ by the ratio alone. Draws with different numbers are independent of each other.

    Attributes:
        holder: the party whose records are drawn from: the target ("members") or the attacker ("auxiliary").
        attribute: name of the sensitive attribute.
        value: the value, by its code or its name; records with another value, known or not, are the rest.
        ratio: share of the drawn records that have the value, in 0..1.
        size: how many records are drawn, as a share of the holder's.
        number: distinguishes draws that are equal in everything else.
    """

    holder: Literal["members", "auxiliary"] = "members"
    attribute: str = "sex"
    value: NonNegativeInt | str = 1
    ratio: Probability = 0.5
    size: OpenProbability = 0.25
    number: NonNegativeInt = 0

    def choose(self, data: Data) -> Tensor:
        """Random records with the value, and random records without it.

        Raises:
            InvalidData: there are too few records of one kind.
        """
        problems = tuple(self.data_problems(data))
        if problems:
            raise InvalidData(problems)
        code = data.schema.attribute(self.attribute).code(self.value)
        rng = generator(self.split.seed, "ratio", self.holder, self.attribute, code, self.ratio, self.number)
        held, has = self._held(data)
        return held[places_with_share(has, round(self.size * len(held)), self.ratio, rng)]

    def count(self, data: Data) -> int:
        """As many for every ratio."""
        return round(self.size * len(self._holders(data)))

    def data_problems(self, data: Data) -> Iterator[Problem]:
        """The data set must have the attribute and its value, and enough records with and without the value."""
        names = data.schema.attribute_names
        if self.attribute not in names:
            yield self.problem("attribute", f"one of {', '.join(names) or 'none, since the data set has no attribute'}")
            return
        attribute = data.schema.attribute(self.attribute)
        code, last = attribute.code(self.value), len(attribute.values) - 1
        if code is None:
            named = ", ".join(f"{code} for {name}" for code, name in enumerate(attribute.values[:10]))
            yield self.problem("value", f"a code 0..{last} of the attribute '{self.attribute}' or a name ({named})")
            return
        held, has = self._held(data)
        drawn = round(self.size * len(held))
        if drawn == 0:
            yield self.problem("size", f"large enough to draw at least one of {len(held)} records")
            return
        having = round(self.ratio * drawn)
        there = int(has.sum())
        for found, count, which in ((there, having, ""), (len(held) - there, drawn - having, "not ")):
            if found < count:
                holder = "auxiliary records" if self.holder == "auxiliary" else self.holder
                needed = f"{count} of the {holder} whose {self.attribute} is {which}{attribute.values[code]}"
                largest = floor(1000 * self.size * found / count) / 1000
                yield Problem(
                    "size",
                    f"RatioDraw(ratio={self.ratio:g}, size={self.size:g}) needs {needed}. There are {found}; "
                    f"choose a 'size' of at most {largest:g}, or another 'ratio'.",
                )

    def _held(self, data: Data) -> tuple[Tensor, Tensor]:
        """(k,) positions of the holder's records, and (k,) bool, whether they have the value."""
        held = self._holders(data)
        return held, data.has(self.attribute, self.value)[held].cpu()

    def _holders(self, data: Data) -> Tensor:
        """(k,) positions of the holder's records."""
        division = self.split.divide(len(data))
        return division.members if self.holder == "members" else division.auxiliary


def places_with_share(has: Tensor, count: int, share: float, rng: Generator) -> Tensor:
    """Random places of records, of which a stated share has a property.

    Args:
        has: (n,) bool, whether each record has the property; enough of them do, and enough do not.
        count: the number of records to draw, without replacement.
        share: the share of these that have the property, in [0, 1], to within one record.
        rng: the source of randomness.

    Returns:
        (count,) places in ascending order.

    Example:
        >>> has = torch.arange(20) < 10
        >>> has[places_with_share(has, 10, 0.3, torch.Generator().manual_seed(0))].sum().item()
        3
    """
    having = round(share * count)
    groups = (has.nonzero().flatten(), having), ((~has).nonzero().flatten(), count - having)
    chosen = [group[torch.randperm(len(group), generator=rng)[:wanted]] for group, wanted in groups]
    return torch.cat(chosen).sort().values
