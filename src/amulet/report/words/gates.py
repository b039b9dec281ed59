"""What one cell's verdict rests on: its row's gates, and that of its attack."""

from amulet.experiments.gates import FINDS, STRONG, Checked
from amulet.experiments.numbers import MatrixCell
from amulet.experiments.results import Results


def grounds(results: Results, cell: MatrixCell) -> tuple[Checked, ...]:
    """The gates of the cell's row, then those of the probe whose metric it is."""
    return tuple(gate for gate in results.gates if _bears_on(gate, cell))


def _bears_on(gate: Checked, cell: MatrixCell) -> bool:
    of_row, of_probe = gate.row == cell.row, gate.about == cell.column.probe
    return {FINDS: of_probe, STRONG: of_row and of_probe}.get(gate.name, of_row)
