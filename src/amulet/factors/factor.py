"""Factors: properties of a model that may explain what defenses do to risks. Their outcome, their base, their number.

Duddu, Szyller and Asokan 2024, https://arxiv.org/abs/2312.04542.
"""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import ClassVar, Self, final

import torch
from torch import Tensor

from amulet.core.dataset import AmuletDataset
from amulet.core.errors import Problem
from amulet.core.metric import Metric, Undefined
from amulet.core.outcome import LEFT_OUT, Outcome
from amulet.core.probe import Probe
from amulet.core.split import Split


@final
@dataclass(frozen=True, eq=False)
class FactorOutcome(Outcome):
    """What a factor was measured from: one number or several for each record, and on which side the record is.

    Attributes:
        values: (n,) float64 numbers, or (n, k).
        sides: (n,) int64, 1 for the target's training records and 0 for others, or the code of the record's group, -1
            for none.
        index: (n,) identities of the records.
    """

    part = "train"
    truth = ("sides", "index")
    values: Tensor
    sides: Tensor
    index: Tensor = LEFT_OUT

    def check(self) -> None:
        """Values must not be NaN."""
        if torch.isnan(self.values).any():
            raise ValueError("Values of a factor must not be NaN.")


@dataclass(frozen=True)
class Factor(Probe[FactorOutcome]):
    """Base of factors; a subclass writes `play` and `value`, and usually `audit`, which takes any model.

    A factor is no risk: it has no riskier end and gets no verdict. It is measured on the same models as attacks and
    audits, and reports set its change beside that of each risk.

    Attributes:
        low, high: the range of its value.
        code: the factor of the survey that it measures, a key of `amulet.literature.FACTORS`; empty if none.
        grows: whether its value grows with that factor. The curvature of the loss falls as its smoothness grows.
        title: its name as a heading.
        meaning: one sentence for readers of reports.
    """

    outcome_type = FactorOutcome
    risk = ""
    low: ClassVar[float]
    high: ClassVar[float]
    code: ClassVar[str] = ""
    grows: ClassVar[bool] = True
    title: ClassVar[str]
    meaning: ClassVar[str]

    @classmethod
    def for_data(cls, dataset: AmuletDataset, split: Split) -> tuple[Self, ...]:
        """What an experiment with all factors measures: one with its defaults, unless a subclass says otherwise."""
        del dataset, split
        return (cls(),)

    @abstractmethod
    def value(self, outcome: FactorOutcome) -> float | Undefined:
        """The factor of the model, one number in [low, high], or why there is none.

        Args:
            outcome: with at least one record, as `play` or `audit` gives it.
        """

    def heading(self) -> str:
        """The title with what tells it from other instances of its class; a hook for subclasses."""
        return self.title


@final
@dataclass(frozen=True)
class FactorMetric(Metric[FactorOutcome]):
    """The number of one factor, in the form in which the task graph computes numbers from outcomes.

    Attributes:
        factor: whose number.
    """

    low, high, riskier = -inf, inf, None
    everywhere = False
    factor: Factor

    def problems(self) -> Iterator[Problem]:
        """None; its range is that of the factor."""
        object.__setattr__(self, "low", self.factor.low)
        object.__setattr__(self, "high", self.factor.high)
        yield from ()

    def measure(self, outcome: FactorOutcome) -> float | Undefined:
        """As the factor says."""
        return self.factor.value(outcome)
