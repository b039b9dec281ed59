"""What one cell's verdict rests on: its row's gates, and that of its attack."""

from amulet.experiments.gates import FINDS, Checked
from amulet.experiments.results import MatrixCell, Results


def grounds(results: Results, cell: MatrixCell) -> tuple[Checked, ...]:
    """The gates of the cell's row, then that of the probe whose metric it is."""
    return tuple(gate for gate in results.gates if _bears_on(gate, cell))


def _bears_on(gate: Checked, cell: MatrixCell) -> bool:
    return gate.about == cell.column.probe if gate.name == FINDS else gate.row == cell.row
