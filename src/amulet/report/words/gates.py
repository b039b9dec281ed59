"""Gates in words, and which gates the verdict of a cell depends on."""

from typing import Final

from amulet.experiments.results.gates import FINDS, STRONG, Checked
from amulet.experiments.results.numbers import MatrixCell
from amulet.experiments.results.results import Results
from amulet.report.words.names import is_risk, risk_words

_NAMES: Final = {"trained": "model", "effective": "defense", "attack": "attack", "strong": "strength", "proof": "proof"}


def gates_of(results: Results, cell: MatrixCell) -> tuple[Checked, ...]:
    """The gates of the cell's row, and those of the probe that the cell belongs to."""
    return tuple(gate for gate in results.gates if _concerns(gate, cell))


def gate_name(gate: Checked) -> str:
    """What a gate is about, in one word."""
    return _NAMES[gate.name]


def gate_words(gate: Checked) -> str:
    """What a gate asks, as a heading."""
    asked = {
        "trained": f"{gate.row}: the model has learned something",
        "effective": f"{gate.row}: {_purpose(gate.about or '')}",
        "attack": f"{gate.about}: the attack finds something",
        "strong": f"{gate.row}, {gate.about}: the attack works",
        "proof": f"{gate.row}, {gate.about}: the privacy guarantee is not refuted",
    }
    return asked[gate.name]


def _purpose(about: str) -> str:
    """What a defense is made for: to lower a risk, or to claim ownership, which an audit of claims measures."""
    if is_risk(about):
        return f"lowers {risk_words(about).title}, a risk it is made for"
    return f"claims of ownership are right, as {about} measures"


def _concerns(gate: Checked, cell: MatrixCell) -> bool:
    of_row, of_probe = gate.row == cell.row, gate.about == cell.column.probe
    return {FINDS: of_probe, STRONG: of_row and of_probe}.get(gate.name, of_row)
