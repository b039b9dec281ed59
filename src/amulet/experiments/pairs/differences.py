"""Metrics of two models on the same records, and their differences on resamples of these."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amulet.core.measurements.groups import FEWEST, group_codes, measured_by_group, too_small
from amulet.core.measurements.resampling import resampled_metrics
from amulet.core.metric import ByChance, Metric, Undefined
from amulet.core.outcome import Outcome
from amulet.core.probe import Attack, Probe
from amulet.experiments.pairs.advantage import Values, advantage
from amulet.experiments.pairs.questions import Questions, Told
from amulet.experiments.pairs.results import PairCell
from amulet.experiments.pairs.shared_game import SharedGame, equal_outcomes
from amulet.experiments.registry.plugins import metrics_for
from amulet.experiments.results.numbers import Column
from amulet.statistics import Resampled, Verdict
from amulet.statistics.turned import below_centre


@dataclass(frozen=True, eq=False)
class MeasuredPair:
    """A metric of both models and its differences on the resamples, before the verdict."""

    column: Column
    records: int
    values: tuple[float | Undefined, float | Undefined]
    chances: tuple[ByChance | None, ByChance | None]
    resampled: Resampled

    def cell(self, verdict: Verdict) -> PairCell:
        """The cell of the results, with its verdict."""
        before, after = (None if isinstance(value, Undefined) else value for value in self.values)
        reasons = tuple(dict.fromkeys(value.reason for value in self.values if isinstance(value, Undefined)))
        drawn, lost = len(self.resampled.differences), self.resampled.undefined
        first, second = self.chances
        chances = None if first is None or second is None else (first, second)
        return PairCell(self.column, self.records, before, after, reasons, drawn, lost, verdict, chances)


def measured_pairs(
    probe: Probe[Any],
    questions: Questions,
    game: SharedGame,
    played: tuple[Outcome, Outcome] | Undefined,
    told: Told,
) -> Iterator[MeasuredPair]:
    """Every metric of a probe, and for metrics of records also by group if that is asked for.

    Args:
        probe: an attack or audit.
        questions: what is asked of the two models.
        game: what the probe was played on.
        played: its outcomes for both models, or why there are none.
        told: called as the resampling advances.
    """
    metrics = metrics_for(probe, questions.metrics)
    if isinstance(played, Undefined):
        for metric in metrics:
            nothing = Resampled(None, np.empty(0), metric.margin)
            yield MeasuredPair(Column.of(probe, metric), 0, (played, played), (None, None), nothing)
        return
    counted = {metric: questions.drawn_for(metric) for metric in metrics}
    yield from _measured(_Asked(probe, questions, counted), played, game.alike, told)
    if measured_by_group(probe.outcome_type):
        yield from _measured_by_group(probe, questions, game, played)
    told(str(probe), questions.drawn, questions.drawn)


def _measured_by_group(
    probe: Probe[Any], questions: Questions, game: SharedGame, played: tuple[Outcome, Outcome]
) -> Iterator[MeasuredPair]:
    """Every metric on the records of each group of the attributes that are asked for."""
    counted = dict.fromkeys(metrics_for(probe, questions.metrics), questions.drawn_exploratory)
    for attribute in questions.by_group:
        codes = group_codes(played[0], game.records, attribute)
        for code, value in enumerate(game.records.schema.attribute(attribute).values):
            group = f"{attribute}={value}"
            size = int((codes == code).sum())
            if size >= FEWEST:
                first, second = (outcome[codes == code] for outcome in played)
                yield from _measured(_Asked(probe, questions, counted, group), (first, second), game.alike)
                continue
            for metric in counted:
                small, nothing = too_small(size, FEWEST), Resampled(None, np.empty(0), metric.margin)
                yield MeasuredPair(Column.of(probe, metric, group), size, (small, small), (None, None), nothing)


@dataclass(frozen=True)
class _Asked:
    """What is measured of two outcomes: metrics with their numbers of resamples, and of which group, if of one."""

    probe: Probe[Any]
    questions: Questions
    counts: Mapping[Metric[Any], int]
    group: str | None = None


def _measured(
    asked: _Asked, outcomes: tuple[Outcome, Outcome], alike: bool, told: Told = lambda *_: None
) -> Iterator[MeasuredPair]:
    first, second = outcomes
    values = {metric: (metric(first), metric(second)) for metric in asked.counts}
    measured = [metric for metric, pair in values.items() if not any(isinstance(value, Undefined) for value in pair)]
    same = alike and equal_outcomes(first, second)
    vary = [] if same or first.unit != "record" else measured
    counts = {metric: asked.counts[metric] for metric in vary}
    probe, drawn = str(asked.probe), asked.questions.drawn
    resampled = _resampled(outcomes, counts, asked.questions.seed, lambda n: told(probe, n, drawn))
    for metric in asked.counts:
        chances = (metric.by_chance(first), metric.by_chance(second)) if metric in measured else (None, None)
        of_before, of_after = resampled.get(metric, np.empty((2, 0)))
        observed, differences = None, of_after - of_before
        if metric in measured:
            observed = _difference(*values[metric]) - _added(chances)
            differences = around_observed(observed, differences) if metric.net_of_chance else differences
        column = Column.of(asked.probe, metric, asked.group)
        before, after = (_number(value) for value in values[metric])
        below = metric in measured and below_centre(before, after, column.centre)
        judged = Resampled(
            observed,
            differences,
            metric.margin,
            same and metric in measured,
            first.unit,
            gains_on_resamples(asked.probe, metric, resampled),
            of_before + of_after - 2 * column.centre if below and column.centre is not None else None,
        )
        yield MeasuredPair(column, len(first), values[metric], chances, judged)


def _added(chances: tuple[ByChance | None, ByChance | None]) -> float:
    """What chance adds to the difference, after minus before."""
    first, second = (0.0 if chance is None else chance.added for chance in chances)
    return second - first


def around_observed(observed: float, differences: NDArray[np.float64]) -> NDArray[np.float64]:
    """The differences on resamples, moved so that their mean is the observed one.

    In a resample, groups differ by chance twice: as in the records at hand, and by what was drawn. So a largest gap
    grows, the more the rarer the records are that it is computed from; what remains is the spread.
    """
    known = differences[~np.isnan(differences)]
    return differences - known.mean() + observed if len(known) else differences


def gains_on_resamples(probe: Probe[Any], metric: Metric[Any], drawn: Values) -> tuple[NDArray[np.float64], ...]:
    """By how much an attack beats its adversary without the model, on the resamples of either model.

    As `gains` of an assessment: by the metric itself, or by the attack's primary one if it has no chance level.
    """
    if not isinstance(probe, Attack) or metric.riskier is None or metric not in drawn:
        return ()
    primary = (each for each in drawn if each.primary and each.chance is not None)
    judged = metric if metric.chance is not None else next(primary, None)
    gained = None if judged is None else advantage(judged, judged.chance, drawn)
    return () if gained is None else (gained[0], gained[1])


def _resampled(
    outcomes: tuple[Outcome, Outcome], counts: Mapping[Metric[Any], int], seed: int, told: Callable[[int], None]
) -> dict[Metric[Any], NDArray[np.float64]]:
    """For each metric the (2, resamples) values of both models on resamples of the records; NaN where undefined.

    Args:
        outcomes: of the model before and of the model after.
        counts: the metrics with their numbers of resamples.
        seed: of the resamples.
        told: called with the number of resamples that are done.
    """
    most = max(counts.values(), default=0)
    before = resampled_metrics(outcomes[0], counts, seed, lambda done: told(done // 2))
    after = resampled_metrics(outcomes[1], counts, seed, lambda done: told((most + done) // 2))
    return {metric: np.stack([before[metric], after[metric]]) for metric in counts}


def _number(value: float | Undefined) -> float:
    return math.nan if isinstance(value, Undefined) else value


def _difference(before: float | Undefined, after: float | Undefined) -> float:
    return _number(after) - _number(before)
