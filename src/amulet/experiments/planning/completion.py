"""What "all risks" and "all defenses" mean on one data set: usual attacks, audits and rows, and what cannot be done."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidParameter, ProblemsError
from amulet.core.probe import Attack, Audit, Probe
from amulet.core.trainable import Defense
from amulet.experiments.graph.tasks import Backend
from amulet.experiments.planning.bench import Bench
from amulet.experiments.planning.checks import (
    demands_of_models,
    model_problems,
    probe_problems,
    request_problems,
    row_problems,
)
from amulet.experiments.planning.experiment import ALL, Experiment, Row
from amulet.experiments.planning.memory import source_of
from amulet.experiments.registry.plugins import Kind, plugins, probe_classes


@dataclass(frozen=True)
class LeftOut:
    """An attack, an audit or a defense that is left out since it cannot be used.

    Attributes:
        risk: its risk; of a defense the one that it is made for, empty if none.
        name: the attack, audit or defense with its settings.
        reason: why, in sentences.
    """

    risk: str
    name: str
    reason: str

    def __str__(self) -> str:
        """As a sentence."""
        return f"{self.name}{f' ({self.risk})' if self.risk else ''} is left out: {self.reason}"


def completed(
    experiment: Experiment, dataset: AmuletDataset, backend: Backend
) -> tuple[Experiment, tuple[LeftOut, ...]]:
    """The experiment with the attacks, audits and rows that its `risks` and `all_defenses` stand for.

    Args:
        experiment: what is asked for.
        dataset: its records.
        backend: of the models, on which nothing that is decided here depends.

    Returns:
        An experiment that lists everything itself, and what is left out. If the undefended model cannot be trained, all
        is in the experiment, and whoever checks it finds why.
    """
    if not experiment.risks and not experiment.all_defenses:
        return experiment, ()
    bench = Bench(experiment.recipe, experiment.recipe, source_of(dataset), experiment.split, backend)
    usable = not any(row_problems(experiment, experiment.recipe, dataset))
    rows, without = _rows(experiment, dataset)
    defenses = [defense for row in (*experiment.defenses, *rows) for defense in row.defenses]
    probes, left_out = list(experiment.probes), [*without]
    for probe in _usual_probes(experiment, dataset):
        reasons = tuple(_against(probe, experiment, dataset, bench, usable=usable)) or tuple(probe.notices(defenses))
        if reasons:
            left_out.append(_left_out(probe.risk, probe, reasons))
        else:
            probes.append(probe)
    for row in tuple(rows) if usable else ():
        own = replace(bench, recipe=row.defenses[0].apply(experiment.recipe))
        if problems := tuple(model_problems(own, row, probes, {bench.source: dataset})):
            left_out.append(_left_out(row.defenses[0].risk, row.defenses[0], [each.sentence for each in problems]))
            rows.remove(row)
    complete = replace(
        experiment,
        defenses=(*experiment.defenses, *rows),
        attacks=tuple(probe for probe in probes if isinstance(probe, Attack)),
        audits=tuple(probe for probe in probes if isinstance(probe, Audit)),
        risks=(),
        all_defenses=False,
    )
    return complete, tuple(left_out)


def _left_out(risk: str | None, what: Probe[Any] | Defense, reasons: Sequence[str]) -> LeftOut:
    return LeftOut(risk or "", str(what), " ".join(dict.fromkeys(reasons)))


def _usual_probes(experiment: Experiment, dataset: AmuletDataset) -> Iterator[Probe[Any]]:
    """The usual attacks and audits of the risks that are asked for, without those of classes that are listed."""
    listed = {type(probe) for probe in experiment.probes}
    for spec in probe_classes():
        if spec not in listed and (ALL in experiment.risks or spec.risk in experiment.risks):
            yield from spec.for_data(dataset, experiment.split)


def _against(
    probe: Probe[Any], experiment: Experiment, dataset: AmuletDataset, bench: Bench, *, usable: bool
) -> Iterator[str]:
    """The reasons why a probe cannot be used on the undefended model, whose structure is looked at if it is usable."""
    try:
        replace(experiment, attacks=(probe,) if isinstance(probe, Attack) else ())
    except InvalidParameter as error:
        yield from (problem.sentence for problem in error.problems)
        return
    found = tuple(probe_problems([probe], (), dataset, experiment.split))
    found = found or tuple(request_problems(bench, [probe], dataset, {}))
    if usable and not found:
        yield from (sentence for _, sentence in demands_of_models(bench, [probe], {bench.source: dataset}))
    yield from (problem.sentence for problem in found)


def _rows(experiment: Experiment, dataset: AmuletDataset) -> tuple[list[Row], list[LeftOut]]:
    """A row for each registered defense whose class is not the one defense of a row already, if all are asked for."""
    rows, left_out = list[Row](), list[LeftOut]()
    listed = {type(row.defenses[0]) for row in experiment.defenses if len(row.defenses) == 1}
    known = [plugin for plugin in plugins() if plugin.kind is Kind.DEFENSE and plugin.spec not in listed]
    for plugin in known if experiment.all_defenses else ():
        assert issubclass(plugin.spec, Defense)  # noqa: S101 - by its kind
        usual = plugin.spec.for_data(dataset, experiment.split)
        for defense in usual:
            if reasons := tuple(_against_defense(defense, experiment, dataset)):
                left_out.append(_left_out(defense.risk, defense, reasons))
            else:
                rows.append(Row(plugin.name if len(usual) == 1 else str(defense), (defense,)))
    return rows, left_out


def _against_defense(defense: Defense, experiment: Experiment, dataset: AmuletDataset) -> Iterator[str]:
    """The reasons why the recipe with a defense cannot be trained, of those that it has not without."""
    try:
        recipe = defense.apply(experiment.recipe)
    except ProblemsError as error:
        yield from (problem.sentence for problem in error.problems)
        return
    plain = {problem.sentence for problem in row_problems(experiment, experiment.recipe, dataset)}
    yield from (
        problem.sentence for problem in row_problems(experiment, recipe, dataset) if problem.sentence not in plain
    )
