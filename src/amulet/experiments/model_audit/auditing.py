"""`audit`: one trained model under every attack and audit that needs no training."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from torch import nn

from amulet.core.data import Data
from amulet.core.dataset import AmuletDataset, require_dataset
from amulet.core.errors import AmuletError, InvalidParameter, Problem
from amulet.core.measurements.resampling import resampled_metrics
from amulet.core.measurements.tally import Tally, without_skill
from amulet.core.metric import Metric, Undefined
from amulet.core.outcome import Outcome
from amulet.core.probe import Attack, Audit, Probe
from amulet.core.records.data_checks import require_apart, require_data
from amulet.core.spec import NonNegativeInt, Spec
from amulet.core.split import Division, Split
from amulet.experiments.model_audit.applicable import applicable, registered_probes
from amulet.experiments.model_audit.checks import AUDITED, attack_checks
from amulet.experiments.model_audit.results import AuditCell, AuditResults
from amulet.experiments.pairs.comparison import facts_of, rates_of
from amulet.experiments.pairs.learned import learned_anything
from amulet.experiments.pairs.model_checks import unusable
from amulet.experiments.pairs.questions import Resamples, Told
from amulet.experiments.pairs.shared_game import joined_records, played
from amulet.experiments.planning.checks import probe_problems
from amulet.experiments.planning.experiment import question_problems
from amulet.experiments.planning.left_out import LeftOut
from amulet.experiments.registry.plugins import metrics_for
from amulet.experiments.results.checks.gates import Checked, model_check
from amulet.experiments.results.numbers import Column, Rated
from amulet.statistics import ALPHA, fewest_resamples
from amulet.statistics.bootstrap import percentile_interval
from amulet.utility import Utility

OWNER: Final = "audit"


@dataclass(frozen=True)
class ModelQuestions(Spec):
    """What is asked about one trained model.

    Attributes:
        probes: attacks and audits; None for every registered one with its default settings.
        metrics: metrics in addition to the registered ones, as in an Experiment.
        seed: decides the attacks' random choices and the resamples.
        resamples: how often the records are resampled for the 95% interval of each metric.
    """

    probes: tuple[Probe, ...] | None = None  # type: ignore[type-arg]
    metrics: tuple[Metric, ...] = ()  # type: ignore[type-arg]
    seed: NonNegativeInt = 0
    resamples: Resamples = 1000

    def problems(self) -> Iterator[Problem]:
        """The problems of repeated probes and metrics, and of too few resamples."""
        if self.probes is not None:
            yield from question_problems("ModelQuestions", self.probes, self.metrics)
        if self.resamples < fewest_resamples(1):
            yield self.problem("resamples", f"at least {fewest_resamples(1)}, for 95% intervals")


@dataclass(frozen=True, eq=False)
class _Records:
    """The records of an audit, and whether it is known which of them the model was trained on."""

    dataset: AmuletDataset
    division: Division
    members_known: bool


def audit(
    model: nn.Module,
    data: AmuletDataset,
    *,
    members: Data | None = None,
    others: Data | None = None,
    probes: Sequence[Attack[Any] | Audit[Any]] | None = None,
    metrics: Sequence[Metric[Any]] = (),
    seed: int = 0,
    resamples: int = 1000,
) -> AuditResults:
    """Run every attack and audit that needs no training on one trained model.

    Each metric gets a 95% interval from resampling the records, and stands beside what a trivial model or a guess gets.
    The interval says how the value would vary with other records, not with other trainings. What cannot be run is
    listed in `left_out` with the reason: most often that it needs models that are trained for it, such as shadow
    models.

    Args:
        model: maps inputs to logits. It is run where it lies, in evaluation mode, and left as it was.
        data: the data set. Utility, evasion and fairness are measured on its test records.
        members: records that the model was trained on, where they are known; with them membership inference and
            data reconstruction can be run.
        others: records that it was not trained on, such as `data.test`.
        probes: the attacks and audits; by default every registered one, with its default settings and, where it is
            about a sensitive attribute, for each attribute.
        metrics: metrics in addition to the registered ones, as in an Experiment.
        seed: decides the attacks' random choices and the resamples.
        resamples: how often the records are resampled, at least 800.

    Raises:
        InvalidParameter: the model does not accept the records, or a metric has no effect.
        InvalidData: members and others are not given together, or share records.

    Example:
        >>> from amulet.models import LinearNet
        >>> from amulet.testing import toy_dataset
        >>> from amulet.training import Recipe
        >>> from amulet.utility import Utility
        >>> data = toy_dataset()
        >>> model = Recipe(LinearNet((8,), norm="group"), epochs=5).fit(data.train, seed=0).model
        >>> results = audit(model, data, probes=[Utility()])
        >>> results.frame.query("metric == 'balanced_accuracy'").baseline.item()
        0.5
    """
    asked = tuple(probes) if isinstance(probes, Iterable) else probes  # anything else is refused in a sentence
    added = tuple(metrics) if isinstance(metrics, Iterable) else metrics
    return answer(model, data, ModelQuestions(asked, added, seed, resamples), members=members, others=others)


def answer(
    model: nn.Module,
    data: AmuletDataset,
    questions: ModelQuestions,
    *,
    members: Data | None = None,
    others: Data | None = None,
    told: Told = lambda *_: None,
) -> AuditResults:
    """As `audit`, with probes, metrics and settings as one value; `told` is called as the work advances."""
    records = _records(data, members, others)
    if problems := list(unusable(model, records.dataset, (), parameter="model", owner=OWNER, subject="The model")):
        raise InvalidParameter(problems)
    wanted = registered_probes(records.dataset) if questions.probes is None else questions.probes
    run, left_out = applicable(wanted, model, records.dataset, members_known=records.members_known)
    if run and (problems := list(probe_problems(run, questions.metrics, records.dataset, Split()))):
        raise InvalidParameter(problems)
    cells: list[AuditCell] = []
    gates = [_learned(model, records, questions)]
    rates: list[Rated] = []
    failed: list[LeftOut] = []
    for probe in run:
        told(str(probe), 0, questions.resamples)
        try:
            outcome = played(probe, model, records.dataset, records.division, questions.seed)
        except AmuletError as error:
            failed.append(LeftOut(probe.risk, str(probe), f"failed: {str(error).rstrip('.')}"))
            continue
        found, checks = _measured(probe, outcome, questions, records.dataset, told)
        cells += found
        gates += checks
        rates += () if isinstance(outcome, Undefined) else rates_of(AUDITED, probe, outcome, questions.seed)
        told(str(probe), questions.resamples, questions.resamples)
    if not cells:
        reasons = "; ".join(f"{each.name} {each.reason}" for each in (*left_out, *failed))
        raise InvalidParameter([Problem("probes", f"None of the attacks and audits can be run: {reasons}.")])
    known = records.members_known
    return AuditResults(
        name=OWNER,
        dataset=data.name,
        content=data.content,
        spec=replace(questions, probes=run).plain(),
        model=facts_of(model),
        records={
            "members": len(records.division.members) if known else 0,
            "others": len(records.division.auxiliary) if known else 0,
            "test": len(data.test),
        },
        cells=tuple(cells),
        gates=tuple(gates),
        left_out=(*left_out, *failed),
        tested=Tally.of(data.test),
        rates=tuple(rates),
    )


def _records(data: AmuletDataset, members: Data | None, others: Data | None) -> _Records:
    """The data set and who holds which records. Where members are unknown, the attacker's records are test records."""
    require_dataset(data, "data", OWNER)
    if members is None and others is None:
        dataset, division = joined_records(data.name, data.test, data.test, data.test)
        return _Records(dataset, Division(division.members[:0], division.auxiliary, division.validation), False)
    if members is None or others is None:
        given, missing = ("members", "others") if others is None else ("others", "members")
        sentence = f"The 'members' and 'others' of audit must be given together. Got '{given}' without '{missing}'."
        raise InvalidParameter([Problem(missing, sentence)])
    require_data(members, "members", OWNER)
    require_data(others, "others", OWNER)
    require_apart(("members", members), ("others", others), OWNER)
    return _Records(*joined_records(data.name, members, others, data.test), True)


def _learned(model: nn.Module, records: _Records, questions: ModelQuestions) -> Checked:
    outcome = played(Utility(), model, records.dataset, records.division, questions.seed)
    held = None if isinstance(outcome, Undefined) else outcome
    return model_check(AUDITED, learned_anything(held, len(records.dataset.schema.classes), questions.seed))


def _measured(
    probe: Probe[Any], outcome: Outcome | Undefined, questions: ModelQuestions, dataset: AmuletDataset, told: Told
) -> tuple[list[AuditCell], list[Checked]]:
    """All metrics of one outcome with their intervals, and its checks."""
    metrics = metrics_for(probe, questions.metrics)
    if isinstance(outcome, Undefined):
        empty = [AuditCell(Column.of(probe, each), 0, None, None, None, outcome.reason, 0, 0) for each in metrics]
        return empty, []
    values = {metric: metric(outcome) for metric in metrics}
    numbers = {metric: value for metric, value in values.items() if not isinstance(value, Undefined)}
    counts = dict.fromkeys(numbers, questions.resamples) if outcome.unit == "record" else {}
    drawn = resampled_metrics(outcome, counts, questions.seed, lambda n: told(str(probe), n, questions.resamples))
    by_name = {str(metric): value for metric, value in numbers.items()}
    cells = []
    for metric, value in values.items():
        held = drawn.get(metric, np.empty(0))
        reason = value.reason if isinstance(value, Undefined) else None
        interval = percentile_interval(held, 1 - ALPHA) if len(held) else None
        number = None if isinstance(value, Undefined) else value
        lost = int(np.isnan(held).sum())
        base = _baseline(metric, by_name, Tally.of(dataset.test))
        cells.append(AuditCell(Column.of(probe, metric), len(outcome), number, interval, base, reason, len(held), lost))
    if not isinstance(probe, Attack):
        return cells, []
    return cells, list(
        attack_checks(str(probe), drawn or {each: np.full(1, number) for each, number in numbers.items()})
    )


def _baseline(metric: Metric[Any], by_name: dict[str, float], tested: Tally) -> float | None:
    """What always naming one class gets, else the metric's chance level, which may be another metric's value."""
    if metric.no_skill is not None:
        return without_skill(tested.classes, metric.no_skill)
    return by_name.get(metric.chance) if isinstance(metric.chance, str) else metric.chance
