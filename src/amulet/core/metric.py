"""Metrics: pure functions from an outcome to a number with a known range and a riskier direction."""

import math
import re
from abc import abstractmethod
from dataclasses import dataclass, fields
from typing import ClassVar, Generic, Literal, Self, TypeVar, final, get_args

from amulet.core.outcome import Outcome
from amulet.core.spec import Spec
from amulet.core.text import with_article

O = TypeVar("O", bound=Outcome)  # noqa: E741 - the conventional name of an outcome type


Shown = Literal["trained", "noise", "one class", "claims", "proof", "findings"]
"""The conditions of a verdict that a metric can provide evidence for."""


NoSkill = Literal["largest class", "one over classes"]
"""What a model that always names one class gets: the share of the largest class, or one over the number of classes."""


@dataclass(frozen=True)
class Undefined:
    """The value of a metric that is not defined for an outcome.

    Attributes:
        reason: why it is not defined.
    """

    reason: str


@dataclass(frozen=True)
class ByChance:
    """What chance alone does to a metric, such as to the largest gap between small groups that are treated alike.

    Attributes:
        added: what chance adds to the value on average. Differences between models are compared without it.
        bound: the value that chance alone does not pass towards the riskier end, with probability 95%.
    """

    added: float
    bound: float


@dataclass(frozen=True)
class Metric(Spec, Generic[O]):
    """A number computed from an outcome of type O, by `metric(outcome)`.

    Attributes:
        low, high: the range of its values.
        riskier: the end of the range with the higher risk; None if the metric is not a measure of risk.
        primary: whether the verdict on its risk is based on this metric.
        chance: the value of an attack without any success: a number, such as the accuracy of guessing, or the name of
            another metric of the outcome, such as the accuracy without an attack; None where there is no such value.
            A defense can reduce an attack to this value, but not further. It may be set as `margin` may.
        must_exceed: the name of another metric of the outcome, which a successful attack exceeds by at least `margin`,
            such as its success on a model whose training records were not tampered with; None where there is none.
        shows: the gate that uses it, if any: whether the model has "trained", the effect of random "noise" in place of
            the attack, whether the model always predicts "one class", whether "claims" of ownership are right, by how
            much an audit exceeds what a "proof" claims, or whether an attack has "findings" beyond `chance` by this
            metric too, not by its primary one alone.
        title: its name as a heading, such as "Robust accuracy"; derived from the class's name where it is empty.
        meaning: one sentence for readers of reports; the first sentence of the class's docstring where it is empty.
        phrase: what it measures in words that need no knowledge of the field, as part of a sentence, such as "accuracy
            under attack"; "{attribute}" stands for the sensitive attribute. The title where it is empty.
        no_skill: the value of a model that always names one class, if the metric is a share of correct predictions.
        margin: the smallest difference that matters, in its own units; docs/guide/verdicts.md has the reasons. A metric
            may set it for the instance, in `problems`, where it depends on a parameter.
        everywhere: whether it is measured for every attack or audit with its outcome. If not, it is measured for those
            that name it in `own_metrics`, and where an experiment lists it.
        net_of_chance: whether its values differ from those without any risk by chance alone, as `by_chance` estimates.
            Then differences between models are compared without what chance adds to either.
        turns: whether an attack that turned its answers round would have the value low + high minus its own, as by an
            AUC, so that one below the middle of the range tells as much as one that is as far above.
        line: a value with a meaning of its own, and its name, such as (0.8, "the four-fifths rule"), beside which the
            metric is shown; None where there is none.
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
    phrase: ClassVar[str] = ""
    no_skill: ClassVar[NoSkill | None] = None
    margin: ClassVar[float] = 0.02
    everywhere: ClassVar[bool] = True
    net_of_chance: ClassVar[bool] = False
    turns: ClassVar[bool] = False
    line: ClassVar[tuple[float, str] | None] = None

    @classmethod
    def defaults(cls) -> tuple[Self, ...]:
        """The instances that are measured where an experiment lists none of its class; a hook for subclasses."""
        return (cls(),)

    @abstractmethod
    def measure(self, outcome: O) -> float | Undefined:
        """Compute the metric; to be written by a subclass.

        Args:
            outcome: an outcome with at least one case.

        Returns:
            A number in [low, high], or why the metric is undefined.
        """

    def by_chance(self, outcome: O) -> ByChance | None:
        """What chance alone does to the metric on this outcome; a hook for metrics that are `net_of_chance`.

        Args:
            outcome: as for `measure`.

        Returns:
            An estimate with a seed of its own, the same whenever it is asked for; None where the metric is undefined.
        """
        del outcome
        return None

    @final
    def __call__(self, outcome: O) -> float | Undefined:
        """The value of the metric, after checks.

        Args:
            outcome: an outcome of the metric's type.

        Returns:
            A float in [low, high], or why the metric is undefined.

        Raises:
            TypeError: the outcome is of another type.
            ValueError: `measure` gave a number outside the range.
        """
        expected = self.outcome_type()
        if not isinstance(outcome, expected):
            raise TypeError(f"{self} is read off {with_article(expected.__name__)}. Got {type(outcome).__name__}.")
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
        """The type of outcome that the metric is computed from: the one in `Metric[...]`."""
        outcome: type[O] = next(get_args(base)[0] for base in getattr(cls, "__orig_bases__", ()) if get_args(base))
        return outcome

    def __str__(self) -> str:
        """The class with all parameters; for a metric without parameters the name of its instance, such as "auc"."""
        names = [field.name for field in fields(self)]
        return type(self).__name__ + self.settings(names) if names else snake_case(type(self).__name__)


def snake_case(name: str) -> str:
    """The name of a class in snake case.

    Example:
        >>> snake_case("RobustAccuracy"), snake_case("PRule")
        ('robust_accuracy', 'p_rule')
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
