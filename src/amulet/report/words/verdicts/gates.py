"""Gates in words, as validity checks, and which of them the verdict of a cell depends on."""

from amulet.experiments.results.checks.gates import ATTACK, DEFENSE, MODEL, PROOF, STRENGTH, Checked
from amulet.experiments.results.numbers import MatrixCell
from amulet.experiments.results.results import Results
from amulet.report.words.vocabulary.names import capitalised, is_risk, mid_sentence, risk_name, risk_words
from amulet.statistics import Gate


def gates_of(results: Results, cell: MatrixCell) -> tuple[Checked, ...]:
    """The gates of the cell's row, and those of the probe that the cell belongs to; none if the cell is not judged."""
    return () if results.unjudged(cell.row, cell.column) else results.gates_of(cell)


def gate_found(gate: Checked) -> str:
    """The name of the check and how it came out, such as "model check failed"."""
    return f"{gate.name} check {'is unproven' if gate.state is Gate.UNPROVEN else gate.state}"


def gate_asked(gate: Checked) -> str:
    """What was checked, as a clause."""
    asked = {
        MODEL: f"whether the model “{gate.row}” decides better than always naming one class",
        DEFENSE: f"whether “{gate.row}” {purpose(gate.about or '')}",
        ATTACK: f"whether {gate.about} finds something on the undefended model",
        STRENGTH: f"whether {gate.about} works on “{gate.row}”",
        PROOF: f"whether the privacy guarantee of “{gate.row}” withstands {gate.about}",
    }
    return asked[gate.name]


def gate_follows(gate: Checked, row: str) -> str:
    """What follows from a check for a row, with the risk that it is about, and its own row if that is another."""
    about = gate.about if gate.name == DEFENSE else None
    follows = f"{gate.follows.rstrip('.')} ({risk_name(about)})." if about else gate.follows
    of_another = gate.name in {MODEL, DEFENSE, PROOF} and gate.row != row
    return f"{capitalised(gate.row)}: {mid_sentence(follows)}" if of_another else follows


def gate_sentences(gate: Checked) -> str:
    """How the check came out, what was checked, and what follows."""
    found = gate_found(gate)
    return f"{capitalised(found)}: {gate_asked(gate)}. {gate.follows}".rstrip()


def purpose(about: str) -> str:
    """What a defense is made for: to lower a risk, or to claim ownership, which an audit of claims measures."""
    if is_risk(about):
        return f"lowers {risk_words(about).title}, a risk it is made for"
    return f"makes claims of ownership that are right, as {about} measures"
