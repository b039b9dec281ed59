"""Rows of the matrix in words: which row each is compared with."""

from amulet.experiments.planning.experiment import BASELINE
from amulet.experiments.results.results import Results


def row_heading(results: Results, row: str) -> str:
    """The row's label, and the row that it is compared with where that is another one than the undefended."""
    reference = results.reference(row)
    return row if BASELINE in {row, reference} else f"{row} (against {reference})"


def left_out_sentences(results: Results) -> str:
    """What was asked for with all risks or all defenses and cannot be used, with the reasons; empty if nothing."""
    return " ".join(map(str, results.left_out))


def other_references(results: Results) -> str:
    """A sentence for results in which some rows are not compared with the undefended one; else empty."""
    others = any(results.reference(row) != BASELINE for row in results.rows if row != BASELINE)
    return "A row whose heading names another row is compared with that row." if others else ""
