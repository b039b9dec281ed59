"""Compare two trained models, such as before and after a defense, on the same records."""

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
from annotated_types import Interval
from numpy.typing import NDArray
from torch import nn

from amulet.core.dataset import AmuletDataset, absorb, require_dataset
from amulet.core.errors import InvalidParameter, Problem
from amulet.core.metric import Metric, Undefined
from amulet.core.outcome import Outcome
from amulet.core.probe import Attack, Audit, Probe
from amulet.core.resampling import resampled_metrics
from amulet.core.roles import TARGET, target_request
from amulet.core.spec import NonNegativeInt, Spec
from amulet.core.split import Split
from amulet.core.tally import Tally
from amulet.experiments.pairs.learned import interpretable, learned
from amulet.experiments.pairs.model_checks import model_problems
from amulet.experiments.pairs.results import ModelFacts, PairCell, PairResults
from amulet.experiments.pairs.shared_game import SharedGame, equal_outcomes, game_records
from amulet.experiments.planning.checks import probe_problems
from amulet.experiments.planning.experiment import question_problems
from amulet.experiments.registry.plugins import metrics_for
from amulet.experiments.results.numbers import Column
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
    """

    probes: tuple[Probe, ...]  # type: ignore[type-arg]
    metrics: tuple[Metric, ...] = ()  # type: ignore[type-arg]
    split: Split | None = None
    seed: NonNegativeInt = 0
    resamples: Resamples | None = None

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
        return self.drawn if metric.primary else self.drawn // max(1, self.primaries)


def needs_training(probe: Probe[Any]) -> Iterator[str]:
    """The reasons why a probe cannot be run on a model that was trained on the members, without further training."""
    requests = probe.models(Split())
    if requests.get(TARGET) != (target_request(Split()),):
        yield "is played on a model that was trained on tampered records,"
        return
    for role, asked in requests.items():
        if role != TARGET:
            yield f"needs {len(asked)} {role} model{'s' if len(asked) > 1 else ''},"


def compare(
    before: nn.Module,
    after: nn.Module,
    dataset: AmuletDataset,
    *,
    probes: Sequence[Attack[Any] | Audit[Any]],
    metrics: Sequence[Metric[Any]] = (),
    split: Split | None = None,
    seed: int = 0,
    resamples: int | None = None,
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

    Raises:
        InvalidParameter: an attack needs shadow models, a metric has no effect, the data set lacks something, or a
            model does not accept its records or has other classes. All problems are reported together.
    """
    return answer(before, after, dataset, Questions(tuple(probes), tuple(metrics), split, seed, resamples))


def answer(
    before: nn.Module, after: nn.Module, dataset: AmuletDataset, questions: Questions, told: Told = lambda *_: None
) -> PairResults:
    """As `compare`, with probes, metrics and settings as one value; `told` is called as the work advances."""
    require_dataset(dataset, "dataset", "compare")
    models = (before, after)
    asked = probe_problems(questions.probes, questions.metrics, dataset, questions.split or Split())
    if problems := [*asked, *model_problems(models, dataset, questions.probes)]:
        raise InvalidParameter(problems)
    records, division = game_records(dataset, questions.split)
    facts = [facts_of(model) for model in models]
    game = SharedGame(models, records, division, alike=facts[0] == facts[1])
    found = [cell for probe in questions.probes for cell in _found(probe, questions, game, told)]
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
    )


@dataclass(frozen=True, eq=False)
class _Found:
    """A metric of both models and its differences on the resamples, before the verdict."""

    column: Column
    records: int
    values: tuple[float | Undefined, float | Undefined]
    resampled: Resampled

    def cell(self, verdict: Verdict) -> PairCell:
        """The cell of the results, with its verdict."""
        before, after = (None if isinstance(value, Undefined) else value for value in self.values)
        reasons = tuple(dict.fromkeys(value.reason for value in self.values if isinstance(value, Undefined)))
        drawn, lost = len(self.resampled.differences), self.resampled.undefined
        return PairCell(self.column, self.records, before, after, reasons, drawn, lost, verdict)


def _found(probe: Probe[Any], questions: Questions, game: SharedGame, told: Told) -> Iterator[_Found]:
    metrics = metrics_for(probe, questions.metrics)
    told(str(probe), 0, questions.drawn)
    played = game.play(probe, questions.seed)
    if isinstance(played, Undefined):
        for metric in metrics:
            nothing = Resampled(None, np.empty(0), metric.margin)
            yield _Found(Column.of(probe, metric), 0, (played, played), nothing)
        return
    first, second = played
    values = {metric: (metric(first), metric(second)) for metric in metrics}
    measured = [metric for metric in metrics if not any(isinstance(value, Undefined) for value in values[metric])]
    same = game.alike and equal_outcomes(first, second)
    vary = [] if same or first.unit != "record" else measured
    differences = _resampled((first, second), vary, questions, lambda n: told(str(probe), n, questions.drawn))
    told(str(probe), questions.drawn, questions.drawn)
    for metric in metrics:
        observed = _difference(*values[metric]) if metric in measured else None
        resampled = Resampled(
            observed, differences.get(metric, np.empty(0)), metric.margin, same and metric in measured, first.unit
        )
        yield _Found(Column.of(probe, metric), len(first), values[metric], resampled)


def _resampled(
    outcomes: tuple[Outcome, Outcome], metrics: Sequence[Metric[Any]], questions: Questions, told: Callable[[int], None]
) -> dict[Metric[Any], NDArray[np.float64]]:
    """For each metric the differences, after minus before, on resamples of the records; NaN if either is undefined."""
    counts = {metric: questions.drawn_for(metric) for metric in metrics}
    before = resampled_metrics(outcomes[0], counts, questions.seed, lambda done: told(done // 2))
    after = resampled_metrics(outcomes[1], counts, questions.seed, lambda done: told((questions.drawn + done) // 2))
    return {metric: after[metric] - before[metric] for metric in metrics}


def _judged(found: Sequence[_Found]) -> Iterator[PairCell]:
    """The cells with verdicts, in the given order. Primary metrics are one family, the others are judged one by one."""
    primary = iter(judge_resampled([each.resampled for each in found if each.column.primary]))
    others = iter(explore_resampled([each.resampled for each in found if not each.column.primary]))
    for each in found:
        yield each.cell(next(primary if each.column.primary else others))


def _difference(before: float | Undefined, after: float | Undefined) -> float:
    return math.nan if isinstance(before, Undefined) or isinstance(after, Undefined) else after - before


def facts_of(model: nn.Module) -> ModelFacts:
    """What identifies a model."""
    tensors = {name: value for name, value in model.state_dict().items() if isinstance(value, torch.Tensor)}
    digest = hashlib.sha256()
    absorb(digest, tensors)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return ModelFacts(type(model).__name__, str(model), parameters, digest.hexdigest())
