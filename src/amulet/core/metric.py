"""Metrics: pure functions of an outcome, with a range and a riskier end."""

import math
import re
from abc import abstractmethod
from dataclasses import dataclass, fields
from typing import ClassVar, Generic, Literal, TypeVar, final, get_args

from amulet.core.outcome import Outcome
from amulet.core.spec import Spec

O = TypeVar("O", bound=Outcome)  # noqa: E741 - the conventional name of an outcome type


Shown = Literal["trained", "noise", "one class"]
"""What a gate can read off a metric."""


NoSkill = Literal["largest class", "one over classes"]
"""What a model that always names one class gets: the share of the largest class, or one over the number of classes."""


@dataclass(frozen=True)
class Undefined:
    """A metric has no value for this outcome, and why."""

    reason: str


@dataclass(frozen=True)
class Metric(Spec, Generic[O]):
    """A number read off an outcome of type O: `metric(outcome)`.

    Attributes:
        low, high: the range its values lie in.
        riskier: which end means more risk, None for neither.
        primary: whether it is the one that stands for its risk in verdicts.
        chance: what it comes to without the model (a number), without a working attack (the name of another metric
            of the outcome), or None where neither makes sense; a defense can only lower what an attack reaches
            beyond that.
        must_exceed: the name of another metric of the outcome that an attack which works exceeds by `margin`, such as
            what it reaches on a model that nobody tampered with; None where there is no such control.
        shows: what a gate reads off it, if anything: that the model has "trained", what random "noise" does in place of
            the attack, or whether the model always names "one class".
        title: its name as a heading, such as "Robust accuracy"; made of the class's name where it is empty.
        meaning: a sentence for readers of reports; the first sentence of the class's docstring where it is empty.
        no_skill: what a model without any skill gets, where the metric is a share of correct predictions; else None.
        margin: the least difference that matters, in its own units; docs/guide/verdicts.md has the reasons.
    """

    low: ClassVar[float]
    high: ClassVar[float]
    riskier: ClassVar[Literal["low", "high"] | None]
    primary: ClassVar[bool] = False
    chance: ClassVar[float | str | None] = None
    must_exceed: ClassVar[str | None] = None
    shows: ClassVar[Shown | None] = None
    title: ClassVar[str] = ""
    meaning: ClassVar[str] = ""
    no_skill: ClassVar[NoSkill | None] = None
    margin: ClassVar[float] = 0.02

    @abstractmethod
    def measure(self, outcome: O) -> float | Undefined:
        """The value, for an outcome with at least one case."""

    @final
    def __call__(self, outcome: O) -> float | Undefined:
        """The value, checked: a plain float within the range, or Undefined with the reason."""
        expected = self.outcome_type()
        if not isinstance(outcome, expected):
            raise TypeError(f"{self} is read off a {expected.__name__}. Got {type(outcome).__name__}.")
        if len(outcome) == 0:
            return Undefined("there are no records")
        value = self.measure(outcome)
        if isinstance(value, Undefined):
            return value
        if math.isnan(value) or not self.low - 1e-9 <= value <= self.high + 1e-9:
            raise ValueError(f"{self} must lie in [{self.low}, {self.high}]. Got {value}.")
        return float(min(max(value, self.low), self.high))

    @classmethod
    def outcome_type(cls) -> type[O]:
        """The outcome that the metric is read off: the type in `Metric[...]`."""
        outcome: type[O] = next(get_args(base)[0] for base in getattr(cls, "__orig_bases__", ()) if get_args(base))
        return outcome

    def __str__(self) -> str:
        """With all parameters; a metric without any goes by the name of the function it is."""
        names = [field.name for field in fields(self)]
        return type(self).__name__ + self.settings(names) if names else snake_case(type(self).__name__)


def snake_case(name: str) -> str:
    """RobustAccuracy -> robust_accuracy, PRule -> p_rule."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
