"""What a reader must know before passing a report on: when, on which data, how often, what was not tested, alarms."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from amulet.core.probe import Attack, Audit
from amulet.datasets import FromCSV
from amulet.experiments.registry.plugins import Kind, plugins
from amulet.experiments.results.results import Results
from amulet.report.words.matrix.risk_cells import Judged, RiskCell
from amulet.report.words.verdicts.explanations import NOT_COVERED
from amulet.report.words.verdicts.readings import Reading
from amulet.report.words.vocabulary.formats import listed
from amulet.report.words.vocabulary.names import capitalised, risk_rank, risk_words
from amulet.report.words.vocabulary.points import points
from amulet.report.words.vocabulary.seed_counts import how_often, seed_names
from amulet.report.words.vocabulary.spec_text import experiment, parts, probes
from amulet.statistics import ALPHA, Gate

MOST_ALARMS: Final = 3
"""Alarms that are named; the others are counted."""


@dataclass(frozen=True)
class Note:
    """One entry of the box: a term and sentences."""

    term: str
    sentences: tuple[str, ...]


def notes(results: Results, cells: Sequence[Sequence[RiskCell]], manifest: Mapping[str, Any]) -> tuple[Note, ...]:
    """The entries of the box "Before you pass this on".

    Args:
        results: of the assessment.
        cells: of all defended rows, as `risk_cells` gives them.
        manifest: where the numbers come from.
    """
    return (
        Note("Date", (str(manifest.get("date") or "Not recorded."),)),
        Note("Data", tuple(_data(results))),
        Note("Repetitions", (f"{capitalised(how_often(results))} each ({seed_names(results)}). {NOT_COVERED}",)),
        Note("Not tested", tuple(_untested(results))),
        Note("Exploratory metrics", tuple(_alarms(cells))),
        Note("Checks", tuple(_checks(results))),
    )


def _data(results: Results) -> Iterator[str]:
    source = dataset_source(results)
    yield f"{results.dataset}: {source}" if source else f"{results.dataset}. Its source is not recorded in the results."
    if results.tested.total:
        yield f"All models are measured on the same {results.tested.total:,} test records."


def dataset_source(results: Results) -> str:
    """What the data set is and where it comes from, as its plug-in says: the name of a file of the user's own.

    Empty for what a function of the user's own gives.
    """
    found = parts(experiment(results).get("dataset"))
    if found is None:
        return ""
    if found[0] == FromCSV.__name__:
        files = [Path(str(found[1][key])).name for key in ("path", "test") if found[1].get(key)]
        return f"read from {' and '.join(files)}."
    named = (plugin for plugin in plugins() if plugin.kind is Kind.DATASET and plugin.spec.__name__ == found[0])
    return next((plugin.summary for plugin in named if plugin.home.startswith("amulet.")), "")


def _untested(results: Results) -> Iterator[str]:
    risks = {
        plugin.spec.risk
        for plugin in plugins()
        if issubclass(plugin.spec, Attack | Audit) and plugin.home.startswith("amulet.")
    }
    lacking = sorted(risks - {column.risk for column in results.columns}, key=risk_rank)
    if lacking:
        titles = [risk_words(risk) for risk in lacking]
        yield f"{listed([words.title for words in titles])}."
    else:
        yield "Every risk that Amulet knows was tested in some way."
    asked = " ".join(dict(named.settings).get("attribute", "") for named in probes(results).values())
    unaudited = [
        attribute for attribute in results.tested.groups if not re.search(rf"\b{re.escape(attribute)}\b", asked)
    ]
    if unaudited:
        yield f"No attack or audit looks at {listed(unaudited)}."
    yield "An attack that was not run, or one with more knowledge or effort, may find more than those listed here."


def _alarms(cells: Sequence[Sequence[RiskCell]]) -> Iterator[str]:
    """How many exploratory comparisons point to more risk, how many would by chance, and the largest of them."""
    tested = [
        judged
        for row in cells
        for cell in row
        for judged in (*cell.counted, *cell.others)
        if not judged.line.column.primary
        and judged.line.column.riskier
        and judged.cell.verdict
        and judged.cell.verdict.paired
    ]
    if not tested:
        yield "None was measured that could show more risk."
        return
    alarms = sorted((each for each in tested if each.read.word is Reading.WORSE), key=lambda each: each.read.order)
    by_chance = ALPHA / 2 * len(tested)
    yield (
        f"{len(alarms)} of {len(tested)} exploratory comparisons show more risk, each tested by itself; by chance "
        f"alone {f'about {by_chance:.0f}' if by_chance >= 1 else 'fewer than one'} would."
    )
    named = list({(each.cell.row, each.cell.difference): each for each in reversed(alarms)}.values())[::-1]
    if named:
        more = len(alarms) - len(named[:MOST_ALARMS])
        rest = f"; and {more} more, in the panels of their cells" if more else ""
        yield f"The largest: {'; '.join(map(_alarm, named[:MOST_ALARMS]))}{rest}."


def _alarm(judged: Judged) -> str:
    assert judged.cell.difference is not None  # noqa: S101 - of a verdict that something increases
    of = "" if judged.attribute in judged.name else f" by {judged.attribute}"
    change = points(judged.line.column, judged.cell.difference.mean)
    return f"{judged.name}{of} with {judged.cell.row}, {change}"


def _checks(results: Results) -> Iterator[str]:
    counts = {state: sum(gate.state is state for gate in results.gates) for state in Gate}
    if not results.gates:
        yield "None could be made: this requires the audit Utility and the primary metrics of each risk."
        return
    came = ", ".join(f"{counts[state]} {state}" for state in (Gate.PASSED, Gate.FAILED, Gate.UNPROVEN))
    yield f"Of {len(results.gates)} validity checks: {came}."
