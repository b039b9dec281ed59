"""What "all risks", "all defenses" and "all factors" mean on one data set, and what of it cannot be done."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidParameter, ProblemsError
from amulet.core.probe import Attack, Audit, Probe
from amulet.core.trainable import Defense, released
from amulet.experiments.graph.tasks import Backend
from amulet.experiments.planning.bench import Bench
from amulet.experiments.planning.checks import (
    demands_of_models,
    probe_problems,
    request_problems,
    row_problems,
)
from amulet.experiments.planning.defended import defended
from amulet.experiments.planning.experiment import ALL, Experiment, Row
from amulet.experiments.planning.left_out import LeftOut, possible_rows
from amulet.experiments.planning.memory import source_of
from amulet.experiments.registry.plugins import Kind, factor_classes, plugins, probe_classes
from amulet.factors.factor import Factor


def completed(
    experiment: Experiment, dataset: AmuletDataset, backend: Backend
) -> tuple[Experiment, tuple[LeftOut, ...]]:
    """The experiment with the attacks, audits, rows and factors that `risks`, `all_defenses`, `all_pairs` and
    `all_factors` stand for.

    Args:
        experiment: what is asked for.
        dataset: its records.
        backend: of the models, on which nothing that is decided here depends.

    Returns:
        An experiment that lists everything itself, and what is left out. If the undefended model cannot be trained, all
        is in the experiment, and whoever checks it finds why.
    """
    if not (experiment.risks or experiment.all_defenses or experiment.all_pairs or experiment.all_factors):
        return experiment, ()
    bench = Bench(experiment.recipe, experiment.recipe, source_of(dataset), experiment.split, backend)
    plain = {problem.sentence for problem in row_problems(experiment, experiment.recipe, dataset)}
    rows, left_out = possible_rows(
        tuple(_candidates(experiment, dataset)),
        lambda row: [each for each in _against_row(row, experiment, dataset) if each not in plain],
    )
    defenses = [defense for row in (*experiment.defenses, *rows) for defense in row.defenses]
    probes = list(experiment.probes)
    for probe in _usual_probes(experiment, dataset, defenses):
        found = tuple(_against(probe, experiment, dataset, bench, usable=not plain))
        if reasons := found or tuple(probe.unserved(defenses)):
            left_out.append(LeftOut(probe.risk, str(probe), " ".join(dict.fromkeys(reasons))))
        else:
            probes.append(probe)
    factors, impossible = _factors(experiment, dataset, bench, usable=not plain)
    rows, unusable = possible_rows(rows, lambda row: () if plain else _unmet(row, (*probes, *factors), dataset, bench))
    rows = [row for row in rows if experiment.all_defenses or len(row.defenses) > 1]
    left_out += (*impossible, *unusable)
    complete = replace(
        experiment,
        defenses=(*experiment.defenses, *rows),
        attacks=tuple(probe for probe in probes if isinstance(probe, Attack)),
        audits=tuple(probe for probe in probes if isinstance(probe, Audit)),
        risks=(),
        all_defenses=False,
        all_pairs=False,
        factors=factors,
        all_factors=False,
    )
    return complete, tuple(left_out)


def _usual_probes(experiment: Experiment, dataset: AmuletDataset, defenses: Sequence[Defense]) -> Iterator[Probe[Any]]:
    """The usual attacks and audits of the risks that are asked for, without those of classes that are listed.

    Attacks that read what no row releases are not usual: without it they are other attacks under another name.
    """
    listed = {type(probe) for probe in experiment.probes}
    for spec in probe_classes():
        if spec not in listed and (ALL in experiment.risks or spec.risk in experiment.risks):
            for probe in spec.for_data(dataset, experiment.split):
                if not (isinstance(probe, Attack) and probe.unreleased(defenses)):
                    yield probe


def _factors(
    experiment: Experiment, dataset: AmuletDataset, bench: Bench, *, usable: bool
) -> tuple[tuple[Factor, ...], list[LeftOut]]:
    """The factors that are listed, with the usual ones of other classes if they are asked for, and what is left out."""
    factors, left_out = list(experiment.factors), list[LeftOut]()
    listed = {type(factor) for factor in factors}
    for spec in factor_classes() if experiment.all_factors else ():
        for factor in spec.for_data(dataset, experiment.split) if spec not in listed else ():
            if reasons := tuple(_against(factor, experiment, dataset, bench, usable=usable)):
                left_out.append(LeftOut("factor", str(factor), " ".join(dict.fromkeys(reasons))))
            else:
                factors.append(factor)
    return tuple(factors), left_out


def _against(
    probe: Probe[Any], experiment: Experiment, dataset: AmuletDataset, bench: Bench, *, usable: bool
) -> Iterator[str]:
    """The reasons why a probe cannot be used on the undefended model, whose structure is looked at if it is usable."""
    try:
        attacks = (probe,) if isinstance(probe, Attack) else ()
        replace(experiment, attacks=attacks, factors=(probe,) if isinstance(probe, Factor) else ())
    except InvalidParameter as error:
        yield from (problem.sentence for problem in error.problems)
        return
    found = tuple(probe_problems([probe], (), dataset, experiment.split))
    for number in () if found else range(experiment.looks[-1]):
        split = replace(experiment.split, seed=experiment.split.seed + number)
        found += tuple(request_problems(replace(bench, split=split), [probe], dataset, {}))
    if usable and not found:
        yield from (sentence for _, sentence in demands_of_models(bench, [probe], {bench.source: dataset}))
    yield from (problem.sentence for problem in found)


def _unmet(row: Row, probes: Sequence[Probe[Any]], dataset: AmuletDataset, bench: Bench) -> Iterator[str]:
    """What probes need of the models of a row; those that ask for other data sets are left to the plan's own checks."""
    own = replace(bench, recipe=defended(bench.plain, row.defenses), releases=released(row.defenses))
    asked = [probe for probe in probes if not probe.sources(bench.split)]
    yield from (sentence for _, sentence in demands_of_models(own, asked, {bench.source: dataset}))


def _candidates(experiment: Experiment, dataset: AmuletDataset) -> Iterator[Row]:
    """A row for each usual defense, if rows of them or of pairs are asked for, then one for each pair if asked for."""
    if not (experiment.all_defenses or experiment.all_pairs):
        return
    alone = [row for row in experiment.defenses if len(row.defenses) == 1 and row.attacked is None]
    usual = tuple(_usual_rows(experiment, dataset, {type(row.defenses[0]) for row in alone}))
    yield from usual
    for first, second in combinations((*alone, *usual) if experiment.all_pairs else (), 2):
        if type(first.defenses[0]) is not type(second.defenses[0]):
            yield Row(f"{first.label} and {second.label}", (*first.defenses, *second.defenses), screened=True)


def _usual_rows(experiment: Experiment, dataset: AmuletDataset, listed: Collection[type[Defense]]) -> Iterator[Row]:
    """A row for each registered defense, but for those of some classes."""
    for plugin in plugins():
        if plugin.kind is Kind.DEFENSE and plugin.spec not in listed:
            assert issubclass(plugin.spec, Defense)  # noqa: S101 - by its kind
            usual = plugin.spec.for_data(dataset, experiment.split)
            yield from (Row(plugin.name if len(usual) == 1 else str(each), (each,)) for each in usual)


def _against_row(row: Row, experiment: Experiment, dataset: AmuletDataset) -> Iterator[str]:
    """The reasons why the recipe with a row's defenses cannot be trained."""
    try:
        recipe = defended(experiment.recipe, row.defenses)
    except ProblemsError as error:
        yield from (problem.sentence for problem in error.problems)
        return
    yield from (problem.sentence for problem in row_problems(experiment, recipe, dataset))
