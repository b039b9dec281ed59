"""The matrix as a frame: one line a verdict."""

from collections.abc import Callable, Iterable
from typing import Final

import pandas as pd

from amulet.experiments.results.checks.gates import Checked
from amulet.experiments.results.numbers import MatrixCell
from amulet.statistics import Gate, Verdict

COLUMNS: Final = ("row", "risk", "probe", "metric", "group", "primary", "value", "difference", "interval", "word",
                  "seeds", "seeds_needed", "gates")  # fmt: skip


def summary_frame(cells: Iterable[MatrixCell], gates_of: Callable[[MatrixCell], Iterable[Checked]]) -> pd.DataFrame:
    """A line for each cell of the defended rows; see `Results.summary`.

    Args:
        cells: of the matrix.
        gates_of: gives the validity checks that a cell rests on.
    """
    lines = [_line(cell, cell.verdict, gates_of(cell)) for cell in cells if cell.verdict is not None]
    frame = pd.DataFrame(lines, columns=list(COLUMNS))
    return frame.astype({"value": float, "difference": float, "seeds": "Int64", "seeds_needed": "Int64"})


def _line(cell: MatrixCell, verdict: Verdict, gates: Iterable[Checked]) -> tuple[object, ...]:
    return (
        cell.row,
        cell.column.risk,
        cell.column.probe,
        cell.column.metric,
        cell.column.group,
        cell.column.primary,
        cell.summary.mean if cell.summary else None,
        cell.difference.mean if cell.difference else None,
        verdict.interval,
        cell.column.said(verdict.word),
        cell.difference.n if cell.difference else 0,
        verdict.seeds_needed,
        _said(gates),
    )


def _said(gates: Iterable[Checked]) -> str:
    """The checks that have not passed, "attack failed, defense unproven"; else "passed"."""
    found = dict.fromkeys(f"{gate.name} {gate.state}" for gate in gates if gate.state is not Gate.PASSED)
    return ", ".join(found) or "passed"
