"""The two means that a difference lies between."""

from statistics import fmean

from amulet.experiments.results.numbers import MatrixCell
from amulet.experiments.results.results import Results


def paired_levels(results: Results, cell: MatrixCell) -> tuple[float, float]:
    """The means of a row's reference and of the row, over the seeds in which both have a value.

    Where the verdict rests on fewer seeds, over these. Their difference is the cell's, unless that is net of chance.
    """
    before = {item.seed: item.value for item in results.of(results.reference(cell.row), cell.column)}
    pairs = [(before.get(item.seed), item.value) for item in results.of(cell.row, cell.column)]
    both = [(first, second) for first, second in pairs if first is not None and second is not None]
    judged = both[: cell.difference.n] if cell.difference else both
    return fmean(first for first, _ in judged), fmean(second for _, second in judged)
