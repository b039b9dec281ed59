"""Metrics with intervals, from one outcome: how a value would vary with other records of the same population."""

from dataclasses import dataclass
from typing import Any

from amulet.core.errors import InvalidParameter, Problem
from amulet.core.measurements.resampling import resampled
from amulet.core.metric import Metric, Undefined
from amulet.core.outcome import Outcome
from amulet.statistics.bootstrap import fewest_resamples, percentile_interval


@dataclass(frozen=True)
class Estimate:
    """The value of a metric, and an interval for it.

    Attributes:
        value: on all records.
        interval: lower and upper end; None where too many resamples have no value.
    """

    value: float
    interval: tuple[float, float] | None


def estimate(
    metric: Metric[Any], outcome: Outcome, *, level: float = 0.95, resamples: int = 1000, seed: int = 0
) -> Estimate | Undefined:
    """A metric with its percentile bootstrap interval over records.

    Records are drawn with replacement, members and others each by themselves where the outcome keeps them apart. The
    interval is for this one model: it does not say how other trainings would vary.

    Args:
        metric: a metric of this type of outcome.
        outcome: an outcome whose cases are records; for one sensitive group, the outcome of its records:
            `outcome[sex == 1]`.
        level: the probability that the interval covers the value of the population, in 0..1.
        resamples: how often the records are drawn.
        seed: of the draws.

    Returns:
        The value with its interval, or why there is no value.

    Raises:
        InvalidParameter: the cases are no records, or there are too few resamples for the level.

    Example:
        >>> from amulet.membership_inference import outcome_of_scores
        >>> from amulet.membership_inference.metrics import auc
        >>> scores = [0.9, 0.8, 0.7, 0.4, 0.6, 0.3, 0.2, 0.1]
        >>> estimate(auc, outcome_of_scores(scores, [1, 1, 1, 1, 0, 0, 0, 0]))
        Estimate(value=0.9375, interval=(0.625, 1.0))
    """
    if problems := _problems(outcome, level, resamples):
        raise InvalidParameter(problems)
    value: float | Undefined = metric(outcome)
    if isinstance(value, Undefined):
        return value
    return Estimate(value, percentile_interval(resampled(metric, outcome, resamples, seed), level))


def _problems(outcome: Outcome, level: float, resamples: int) -> list[Problem]:
    found = []
    if outcome.unit != "record":
        found.append(Problem.of("outcome", "estimate", "of records, to resample them", f"one of {outcome.unit}s"))
    if not 0 < level < 1:
        found.append(Problem.of("level", "estimate", "between 0 and 1", level))
    elif resamples < (fewest := fewest_resamples(1, 1 - level)):
        found.append(Problem.of("resamples", "estimate", f"at least {fewest} for a level of {level:g}", resamples))
    return found
