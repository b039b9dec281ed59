"""Compare two trained models, such as before and after a defense, on the same records."""

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
from annotated_types import Interval
from numpy.typing import NDArray
from torch import nn

from amulet.core.dataset import AmuletDataset, absorb, require_dataset
from amulet.core.errors import InvalidParameter, Problem
from amulet.core.groups import FEWEST, attribute_problems, group_codes, measured_by_group, too_small
from amulet.core.metric import ByChance, Metric, Undefined
from amulet.core.outcome import Outcome
from amulet.core.probe import Attack, Audit, Probe
from amulet.core.resampling import resampled_metrics
from amulet.core.roles import TARGET, target_request
from amulet.core.spec import NonNegativeInt, Spec
from amulet.core.split import Split
from amulet.core.tally import Tally
from amulet.experiments.pairs.learned import NAMES, interpretable, learned
from amulet.experiments.pairs.model_checks import model_problems
from amulet.experiments.pairs.results import ModelFacts, PairCell, PairResults
from amulet.experiments.pairs.shared_game import SharedGame, equal_outcomes, game_records
from amulet.experiments.planning.checks import probe_problems
from amulet.experiments.planning.experiment import question_problems
from amulet.experiments.registry.plugins import metrics_for
from amulet.experiments.results.numbers import Column, Rated
from amulet.experiments.results.possible import possible
from amulet.statistics import Resampled, Verdict, explore_resampled, fewest_resamples, judge_resampled

Told = Callable[[str, int, int], None]
"""A function that is told of progress: the probe, the number of steps done, and the number of steps in all."""

_ADVICE = "and a pair is compared without training any. Leave it out, or assess both recipes with `amulet assess`."


Resamples = Annotated[int, Interval(ge=1, le=1_000_000)]


@dataclass(frozen=True)
class Questions(Spec):
    """The attacks, audits and metrics for a comparison of two models, and how differences are tested.

    Attributes:
        probes: attacks that need no training, and audits.
        metrics: metrics in addition to all registered ones with their default settings. A metric that is listed here
            replaces the registered one of its class.
        split: which training records the models were trained on; None if both were trained on all of them.
        seed: decides the attacks' random choices and the resamples.
        resamples: how often the records are resampled; None for the smallest number that simultaneous confidence
            intervals can be computed from.
        by_group: names of sensitive attributes. Every metric whose cases are records is also measured on the records of
            each of their groups, as an exploratory metric.
    """

    probes: tuple[Probe, ...]  # type: ignore[type-arg]
    metrics: tuple[Metric, ...] = ()  # type: ignore[type-arg]
    split: Split | None = None
    seed: NonNegativeInt = 0
    resamples: Resamples | None = None
    by_group: tuple[str, ...] = ()

    def problems(self) -> Iterator[Problem]:
        """The problems of probes that need training, of repeated probes and metrics, and of too few resamples."""
        yield from question_problems("Questions", self.probes, self.metrics)
        for probe in self.probes:
            yield from (Problem("attacks", f"{probe} {why} {_ADVICE}") for why in needs_training(probe))
        if self.resamples is not None and self.resamples < self.fewest:
            yield self.problem("resamples", f"at least {self.fewest} for {self.primaries} simultaneous intervals")

    @property
    def primaries(self) -> int:
        """The number of primary metrics, which are judged together as one family."""
        return sum(metric.primary for probe in self.probes for metric in metrics_for(probe, self.metrics))

    @property
    def fewest(self) -> int:
        """The smallest number of resamples that simultaneous confidence intervals can be computed from."""
        return fewest_resamples(self.primaries)

    @property
    def drawn(self) -> int:
        """The number of resamples that are drawn."""
        return self.resamples or self.fewest

    def drawn_for(self, metric: Metric[Any]) -> int:
        """The number of resamples for a metric.

        All are used for a primary metric. Others are judged by themselves and need fewer: so many that as many of them
        lie beyond each end of the interval.
        """
        return self.drawn if metric.primary else self.drawn_exploratory

    @property
    def drawn_exploratory(self) -> int:
        """The number of resamples for a metric that is judged by itself."""
        return self.drawn // max(1, self.primaries)


def needs_training(probe: Probe[Any]) -> Iterator[str]:
    """The reasons why a probe cannot be run on a model that was trained on the members, without further training."""
    requests = probe.models(Split())
    if requests.get(TARGET) != (target_request(Split()),):
        yield "is played on a model that was trained on tampered records,"
        return
    for role, asked in requests.items():
        if role != TARGET:
            yield f"needs {len(asked)} {role} model{'s' if len(asked) > 1 else ''},"


def compare(  # noqa: PLR0913 - each is one property of a comparison
    before: nn.Module,
    after: nn.Module,
    dataset: AmuletDataset,
    *,
    probes: Sequence[Attack[Any] | Audit[Any]],
    metrics: Sequence[Metric[Any]] = (),
    split: Split | None = None,
    seed: int = 0,
    resamples: int | None = None,
    by_group: Sequence[str] = (),
) -> PairResults:
    """Compare two trained models on the same records, without training anything.

    Every probe is run on both models with the same records in the same order and the same random choices, on the
    device where the models are, which are left unchanged. Confidence intervals come from resampling the records: they
    say how the difference between these two models would vary with other records, not with other trainings. If either
    model has learned nothing, which the test records always show, verdicts on risks are "not interpretable".

    Args:
        before: the first model; it maps inputs to logits, such as `Fitted.model`.
        after: the second model; its architecture may differ.
        dataset: the data set. Without a `split` both models were trained on all of `dataset.train`, and the test
            records are the non-members of membership inference.
        probes: attacks that need no training, and audits.
        metrics: metrics in addition to the registered ones, as in an Experiment.
        split: if given, both models were trained on its members, as in an assessment, and its auxiliary records are
            the non-members.
        seed: decides the attacks' random choices and the resamples.
        resamples: how often the records are resampled; by default 800 for each attack and audit, the smallest number
            that simultaneous confidence intervals can be computed from.
        by_group: names of sensitive attributes by whose groups every metric of records is measured too.

    Raises:
        InvalidParameter: an attack needs shadow models, a metric has no effect, the data set lacks something, or a
            model does not accept its records or has other classes. All problems are reported together.
    """
    return answer(
        before, after, dataset, Questions(tuple(probes), tuple(metrics), split, seed, resamples, tuple(by_group))
    )


def answer(
    before: nn.Module, after: nn.Module, dataset: AmuletDataset, questions: Questions, told: Told = lambda *_: None
) -> PairResults:
    """As `compare`, with probes, metrics and settings as one value; `told` is called as the work advances."""
    require_dataset(dataset, "dataset", "compare")
    models = (before, after)
    asked = [
        *probe_problems(questions.probes, questions.metrics, dataset, questions.split or Split()),
        *(problem for attribute in questions.by_group for problem in attribute_problems(dataset, attribute, "compare")),
    ]
    if problems := [*asked, *model_problems(models, dataset, questions.probes)]:
        raise InvalidParameter(problems)
    records, division = game_records(dataset, questions.split)
    facts = [facts_of(model) for model in models]
    game = SharedGame(models, records, division, alike=facts[0] == facts[1])
    found: list[_Found] = []
    rates: list[Rated] = []
    for probe in questions.probes:
        told(str(probe), 0, questions.drawn)
        played = game.play(probe, questions.seed)
        found += _found(probe, questions, game, played, told)
        for name, outcome in () if isinstance(played, Undefined) else zip(NAMES, played, strict=True):
            rates += rates_of(name, probe, outcome, questions.seed)
    checks = learned(game, questions.seed)
    return PairResults(
        name="pair",
        dataset=dataset.name,
        content=dataset.content,
        spec=questions.plain(),
        models=(facts[0], facts[1]),
        records={"members": len(division.members), "others": len(division.auxiliary), "test": len(dataset.test)},
        resamples=questions.drawn,
        cells=tuple(interpretable(tuple(_judged(found)), checks)),
        tested=Tally.of(dataset.test),
        gates=checks,
        rates=tuple(rates),
    )


def rates_of(row: str, probe: Probe[Any], outcome: Outcome, seed: int) -> tuple[Rated, ...]:
    """The rates of the groups that an audit compares, under the name of the model; none for other probes."""
    rates = outcome.group_rates()
    return () if rates is None else (Rated(row, probe.risk, str(probe), seed, "", rates),)


@dataclass(frozen=True, eq=False)
class _Found:
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


def _found(
    probe: Probe[Any],
    questions: Questions,
    game: SharedGame,
    played: tuple[Outcome, Outcome] | Undefined,
    told: Told,
) -> Iterator[_Found]:
    metrics = metrics_for(probe, questions.metrics)
    if isinstance(played, Undefined):
        for metric in metrics:
            nothing = Resampled(None, np.empty(0), metric.margin)
            yield _Found(Column.of(probe, metric), 0, (played, played), (None, None), nothing)
        return
    counted = {metric: questions.drawn_for(metric) for metric in metrics}
    yield from _measured(_Asked(probe, questions, counted), played, game.alike, told)
    if measured_by_group(probe.outcome_type):
        yield from _found_by_group(probe, questions, game, played)
    told(str(probe), questions.drawn, questions.drawn)


def _found_by_group(
    probe: Probe[Any], questions: Questions, game: SharedGame, played: tuple[Outcome, Outcome]
) -> Iterator[_Found]:
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
                yield _Found(Column.of(probe, metric, group), size, (small, small), (None, None), nothing)


@dataclass(frozen=True)
class _Asked:
    """What is measured of two outcomes: metrics with their numbers of resamples, and of which group, if of one."""

    probe: Probe[Any]
    questions: Questions
    counts: Mapping[Metric[Any], int]
    group: str | None = None


def _measured(
    asked: _Asked, outcomes: tuple[Outcome, Outcome], alike: bool, told: Told = lambda *_: None
) -> Iterator[_Found]:
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
            differences = _around(observed, differences) if metric.net_of_chance else differences
        gains = _gains(asked.probe, metric, resampled)
        judged = Resampled(observed, differences, metric.margin, same and metric in measured, first.unit, gains)
        yield _Found(Column.of(asked.probe, metric, asked.group), len(first), values[metric], chances, judged)


def _added(chances: tuple[ByChance | None, ByChance | None]) -> float:
    """What chance adds to the difference, after minus before."""
    first, second = (0.0 if chance is None else chance.added for chance in chances)
    return second - first


def _around(observed: float, differences: NDArray[np.float64]) -> NDArray[np.float64]:
    """The differences on resamples, moved so that their mean is the observed one.

    In a resample, groups differ by chance twice: as in the records at hand, and by what was drawn. So a largest gap
    grows, the more the rarer the records are that it is computed from; what remains is the spread.
    """
    known = differences[~np.isnan(differences)]
    return differences - known.mean() + observed if len(known) else differences


def _gains(
    probe: Probe[Any], metric: Metric[Any], drawn: Mapping[Metric[Any], NDArray[np.float64]]
) -> tuple[NDArray[np.float64], ...]:
    """By how much an attack beats its adversary without the model, on the resamples of either model.

    As `gains` of an assessment: by the metric itself, or by the attack's primary one if it has no chance level.
    """
    if not isinstance(probe, Attack) or metric.riskier is None or metric not in drawn:
        return ()
    primary = (each for each in drawn if each.primary and each.chance is not None)
    judged = metric if metric.chance is not None else next(primary, None)
    if judged is None:
        return ()
    chance: float | NDArray[np.float64] | None
    if isinstance(judged.chance, str):
        chance = next((values for each, values in drawn.items() if str(each) == judged.chance), None)
    else:
        chance = judged.chance
    if chance is None:
        return ()
    values = drawn[judged]
    if isinstance(chance, np.ndarray):
        shortest = min(values.shape[1], chance.shape[1])
        values, chance = values[:, :shortest], chance[:, :shortest]
    before, after = (values - chance) * (1 if judged.riskier == "high" else -1)
    return before, after


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


def _judged(found: Sequence[_Found]) -> Iterator[PairCell]:
    """The cells with verdicts, in the given order. Primary metrics are one family, the others are judged one by one."""
    primary = iter(judge_resampled([each.resampled for each in found if each.column.primary]))
    others = iter(explore_resampled([each.resampled for each in found if not each.column.primary]))
    verdicts = [next(primary if each.column.primary else others) for each in found]
    for each, verdict in zip(found, possible(verdicts, [each.column for each in found]), strict=True):
        yield each.cell(verdict)


def _number(value: float | Undefined) -> float:
    return math.nan if isinstance(value, Undefined) else value


def _difference(before: float | Undefined, after: float | Undefined) -> float:
    return _number(after) - _number(before)


def facts_of(model: nn.Module) -> ModelFacts:
    """What identifies a model."""
    tensors = {name: value for name, value in model.state_dict().items() if isinstance(value, torch.Tensor)}
    digest = hashlib.sha256()
    absorb(digest, tensors)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return ModelFacts(type(model).__name__, str(model), parameters, digest.hexdigest())
