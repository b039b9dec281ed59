"""Two trained models, before and after a defense: what one set of records says of their difference."""

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
from amulet.core.roles import TARGET, target_request
from amulet.core.seeds import derive
from amulet.core.spec import NonNegativeInt, Spec
from amulet.core.split import Split
from amulet.core.tally import Tally
from amulet.experiments.pairs.model_checks import model_problems
from amulet.experiments.pairs.results import ModelFacts, PairCell, PairResults
from amulet.experiments.pairs.shared_game import SharedGame, equal_outcomes, game_records
from amulet.experiments.planning.checks import probe_problems
from amulet.experiments.planning.experiment import question_problems
from amulet.experiments.registry.plugins import metrics_for
from amulet.experiments.results.numbers import Column
from amulet.statistics import Resampled, Verdict, draws, explore_resampled, fewest_resamples, judge_resampled

Told = Callable[[str, int, int], None]
"""Hears of the work: what is being done, how many steps of it are done, of how many."""

CHUNK = 100
_ADVICE = "and a pair is compared without training any. Leave it out, or assess both recipes with `amulet assess`."


Resamples = Annotated[int, Interval(ge=1, le=1_000_000)]


@dataclass(frozen=True)
class Questions(Spec):
    """What is asked of both models.

    Attributes:
        probes: attacks that need no training, and audits.
        metrics: beside every registered metric with its defaults; one that is listed replaces the default of
            its class.
        split: who held which training records; None where both models were trained on all of them.
        seed: of the attacks' randomness and of the resamples.
        resamples: of the records; None for the fewest that simultaneous intervals can be read off.
    """

    probes: tuple[Probe, ...]  # type: ignore[type-arg]
    metrics: tuple[Metric, ...] = ()  # type: ignore[type-arg]
    split: Split | None = None
    seed: NonNegativeInt = 0
    resamples: Resamples | None = None

    def problems(self) -> Iterator[Problem]:
        """What cannot be asked without training, or answered with so few resamples."""
        yield from question_problems("Questions", self.probes, self.metrics)
        for probe in self.probes:
            yield from (Problem("attacks", f"{probe} {why} {_ADVICE}") for why in _needs_training(probe))
        if self.resamples is not None and self.resamples < self.fewest:
            yield self.problem("resamples", f"at least {self.fewest} for {self.primaries} simultaneous intervals")

    @property
    def primaries(self) -> int:
        """Primary metrics: the family that is judged together."""
        return sum(metric.primary for probe in self.probes for metric in metrics_for(probe, self.metrics))

    @property
    def fewest(self) -> int:
        """The fewest resamples."""
        return fewest_resamples(self.primaries)

    @property
    def drawn(self) -> int:
        """How many resamples are drawn."""
        return self.resamples or self.fewest

    def drawn_for(self, metric: Metric[Any]) -> int:
        """All for a primary metric; for others, judged alone, so many as leave as many beyond each end."""
        return self.drawn if metric.primary else self.drawn // max(1, self.primaries)


def _needs_training(probe: Probe[Any]) -> Iterator[str]:
    """What a probe needs beside a model that was trained on the members as they are."""
    requests = probe.models(Split())
    if requests.get(TARGET) != (target_request(Split()),):
        yield "is played on a model that was trained on tampered records,"
        return
    for role, asked in requests.items():
        if role != TARGET:
            yield f"needs {len(asked)} {role} models,"


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
    """What differs between two trained models, on the records at hand; nothing is trained.

    Both are probed with the same records in the same order and the same randomness, where they lie, and are left
    as they were. Intervals come from resampling the records, so they say how the difference of this pair would
    vary with other records, and nothing of other trainings.

    Args:
        before: maps inputs to logits, such as `Fitted.model`.
        after: the other; its architecture may be another one.
        dataset: the records. Without a `split` both models were trained on all of `dataset.train`, and the test
            records are membership inference's non-members.
        probes: attacks that need no training, and audits.
        metrics: as in an Experiment.
        split: both models were trained on its members, as in an assessment; the auxiliary records are the
            non-members.
        seed: of the attacks' randomness and of the resamples.
        resamples: by default 800 for each attack and audit, the fewest that simultaneous intervals can be read off.

    Raises:
        InvalidParameter: attacks that need shadow models, metrics without effect, what the data set lacks, a model
            that does not take its records or has other classes; all at once.
    """
    return answer(before, after, dataset, Questions(tuple(probes), tuple(metrics), split, seed, resamples))


def answer(
    before: nn.Module, after: nn.Module, dataset: AmuletDataset, questions: Questions, told: Told = lambda *_: None
) -> PairResults:
    """As `compare`, with the questions as one value; `told` hears of the work."""
    require_dataset(dataset, "dataset", "compare")
    models = (before, after)
    asked = probe_problems(questions.probes, questions.metrics, dataset, questions.split or Split())
    if problems := [*asked, *model_problems(models, dataset, questions.probes)]:
        raise InvalidParameter(problems)
    records, division = game_records(dataset, questions.split)
    facts = [_facts(model) for model in models]
    game = SharedGame(models, records, division, alike=facts[0] == facts[1])
    found = [cell for probe in questions.probes for cell in _found(probe, questions, game, told)]
    return PairResults(
        name="pair",
        dataset=dataset.name,
        content=dataset.content,
        spec=questions.plain(),
        models=(facts[0], facts[1]),
        records={"members": len(division.members), "others": len(division.auxiliary), "test": len(dataset.test)},
        resamples=questions.drawn,
        cells=tuple(_judged(found)),
        tested=Tally.of(dataset.test),
    )


@dataclass(frozen=True, eq=False)
class _Found:
    """A cell before its verdict: a metric of both models, and their difference on resamples."""

    column: Column
    records: int
    values: tuple[float | Undefined, float | Undefined]
    resampled: Resampled

    def cell(self, verdict: Verdict) -> PairCell:
        """With its verdict."""
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
    """By metric, after minus before on the same draws of records, NaN where either has no value."""
    counts = {metric: questions.drawn_for(metric) for metric in metrics}
    differences = {metric: np.empty(count) for metric, count in counts.items()}
    strata = outcomes[0].strata()
    codes = np.zeros(len(outcomes[0]), dtype=np.int64) if strata is None else strata.numpy()
    rng = np.random.default_rng(derive(questions.seed, "resamples"))
    for number, places in enumerate(draws(codes, max(counts.values(), default=0), rng)):
        first, second = (outcome[torch.from_numpy(places)] for outcome in outcomes)
        for metric in metrics:
            if number < counts[metric]:
                differences[metric][number] = _difference(metric(first), metric(second))
        if (number + 1) % CHUNK == 0:
            told(number + 1)
    return differences


def _judged(found: Sequence[_Found]) -> Iterator[PairCell]:
    """The primary metrics as one family, the others each by itself; in the order found."""
    primary = iter(judge_resampled([each.resampled for each in found if each.column.primary]))
    others = iter(explore_resampled([each.resampled for each in found if not each.column.primary]))
    for each in found:
        yield each.cell(next(primary if each.column.primary else others))


def _difference(before: float | Undefined, after: float | Undefined) -> float:
    return math.nan if isinstance(before, Undefined) or isinstance(after, Undefined) else after - before


def _facts(model: nn.Module) -> ModelFacts:
    tensors = {name: value for name, value in model.state_dict().items() if isinstance(value, torch.Tensor)}
    digest = hashlib.sha256()
    absorb(digest, tensors)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return ModelFacts(type(model).__name__, str(model), parameters, digest.hexdigest())
