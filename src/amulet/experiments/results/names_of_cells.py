"""Rows and columns of a matrix by names that a person types."""

from collections.abc import Callable, Sequence

from amulet.core.errors import InvalidParameter, Problem
from amulet.core.text import closest
from amulet.experiments.results.numbers import Column

OWNER = "Results.cell"


def require_row(row: str, rows: Sequence[str]) -> None:
    """Raise InvalidParameter, with the names of the rows, unless a row has that label."""
    if row not in rows:
        raise InvalidParameter([_unknown("row", "the label of a row", row, rows)])


def column_named(columns: Sequence[Column], metric: str, probe: str | None, group: str | None) -> Column:
    """The one column of a metric.

    Args:
        columns: of the matrix.
        metric: "robust_accuracy"; "TPRAtFPR" or "TPRAtFPR(fpr=0.05)"; "membership_inference.auc".
        probe: "PGD" or "PGD(epsilon=0.1)", where several attacks or audits have the metric.
        group: "sex=female" for the metric of one sensitive group; None for that of all records.

    Raises:
        InvalidParameter: there is none, or there are several; the sentence names those that there are.
    """
    of_group = [column for column in columns if column.group == group]
    if not of_group:
        known = sorted({str(column.group) for column in columns if column.group})
        raise InvalidParameter([_unknown("group", "a group that was measured", group, known)])
    named = [column for column in of_group if _is(metric, column.metric, column.risk)]
    if not named:
        known = list(dict.fromkeys(column.metric for column in of_group))
        raise InvalidParameter([_unknown("metric", "a metric that was measured", metric, known)])
    found = [column for column in named if probe is None or _is(probe, column.probe, column.risk)]
    if not found:
        known = list(dict.fromkeys(column.probe for column in named))
        raise InvalidParameter([_unknown("probe", f"an attack or audit with {metric}", probe, known)])
    if len(found) > 1:
        raise InvalidParameter([_ambiguous(found, metric, probe)])
    return found[0]


def _is(name: str, full: str, risk: str) -> bool:
    """Whether a name is the full one, or the same without settings, with or without the risk before it."""
    return name.removeprefix(f"{risk}.") in {full, full.partition("(")[0]}


def _unknown(parameter: str, kind: str, given: str | None, known: Sequence[str]) -> Problem:
    close = closest(str(given), known)
    hint = f" Did you mean {close!r}?" if close else ""
    return Problem(parameter, f"{Problem.of(parameter, OWNER, f'{kind}: {_listed(known)}', given).sentence}{hint}")


def _ambiguous(found: Sequence[Column], metric: str, probe: str | None) -> Problem:
    """Which argument tells the columns apart: the metric with its settings or its risk, or else the probe."""
    ways: list[tuple[str, str, Callable[[Column], str]]] = [
        ("metric", metric, lambda column: column.metric),
        ("metric", metric, lambda column: f"{column.risk}.{column.metric}"),
        ("probe", probe or "", lambda column: column.probe),
    ]
    told = [way for way in ways if len({way[2](column) for column in found}) == len(found)]
    if told:
        parameter, given, text = told[0]
        allowed = f"one of {_listed([text(column) for column in found])}"
        which = f", since several have {metric!r}" if parameter == "probe" else ""
        return Problem(parameter, f"{Problem.of(parameter, OWNER, allowed + which, given or None).sentence}")
    each = _listed([f"{column.risk}.{column.metric} of {column.probe}" for column in found])
    return Problem("metric", f"The 'metric' and 'probe' of {OWNER} must name one of {each}. Got {metric!r}.")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names)) or "none"
