"""The factors of an assessment: their values, and how their changes go with the changes of risks."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from amulet.factors.factor import Factor


@dataclass(frozen=True)
class MeasuredFactor:
    """One factor that was measured.

    Attributes:
        name: of the factor with its settings.
        title, meaning: for readers.
        low, high: the range of its values.
        code: the factor of the survey that it measures, a key of `amulet.literature.FACTORS`; empty if none.
        grows: whether its value grows with that factor.
        attribute: the sensitive attribute that it is about; empty if it is about none.
    """

    name: str
    title: str
    meaning: str
    low: float
    high: float
    code: str = ""
    grows: bool = True
    attribute: str = ""

    @classmethod
    def of(cls, factor: Factor) -> Self:
        """What is told of a factor."""
        about = (factor.heading(), factor.meaning, factor.low, factor.high, factor.code, factor.grows)
        return cls(str(factor), *about, attribute=attribute_in(str(factor)))

    def concerns(self, probe: str) -> bool:
        """Whether the survey's sign holds for an attack or audit: not if the two are about different attributes."""
        return not self.attribute or attribute_in(probe) in {"", self.attribute}


def attribute_in(text: str) -> str:
    """The sensitive attribute that an attack, audit or factor names in its settings; empty if none.

    Example:
        >>> attribute_in("AttributeFromOutputs(attribute=race)"), attribute_in("PGD(epsilon=0.1)")
        ('race', '')
    """
    found = re.search(r"\battribute=(\([^)]*\)|[^,)]*)", text)
    return found[1] if found else ""


@dataclass(frozen=True)
class FactorValue:
    """The value of one factor for one model, that is for one row and seed.

    Attributes:
        value: the number; None if it is undefined.
        reason: why the value is undefined; None if it is not.
        task: the digest of the task in the store that computed it.
    """

    row: str
    factor: str
    seed: int
    value: float | None
    reason: str | None
    task: str


@dataclass(frozen=True)
class Factors:
    """All factors of an assessment.

    Attributes:
        measured: the factors, in the order of the experiment.
        values: a value for each factor, row and seed.
    """

    measured: tuple[MeasuredFactor, ...] = ()
    values: tuple[FactorValue, ...] = ()

    def of(self, row: str, factor: str) -> dict[int, FactorValue]:
        """The values of one factor and row by seed."""
        return {each.seed: each for each in self.values if (each.row, each.factor) == (row, factor)}

    def paired(self, row: str, reference: str, factor: str) -> Iterator[tuple[float, float]]:
        """A factor's value in one row and in another, for the seeds that have both."""
        theirs = self.of(reference, factor)
        for seed, mine in sorted(self.of(row, factor).items()):
            other = theirs.get(seed)
            if mine.value is not None and other is not None and other.value is not None:
                yield other.value, mine.value

    def same_models(self, row: str, reference: str, factor: str) -> bool:
        """Whether both rows have the values of the same tasks, as rows have that leave the model as it is."""
        tasks = [{seed: each.task for seed, each in self.of(label, factor).items()} for label in (row, reference)]
        return bool(tasks[0]) and all(tasks[1].get(seed) == task for seed, task in tasks[0].items())
