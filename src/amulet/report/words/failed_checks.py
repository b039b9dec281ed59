"""The validity checks that have not passed, each once, with all rows that it is said of."""

from collections.abc import Iterator

from amulet.experiments.planning.experiment import BASELINE
from amulet.experiments.results.gates import ATTACK
from amulet.experiments.results.results import Results
from amulet.report.words.gates import gate_found
from amulet.report.words.names import capitalised, is_risk, risk_name
from amulet.statistics import Gate


def failed_checks(results: Results) -> Iterator[str]:
    """A sentence for each failed check: "Model check failed (DP-SGD, both): This model has learned nothing ..."."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for gate in results.gates:
        if gate.state is Gate.FAILED:
            about = risk_name(gate.about) if gate.about and is_risk(gate.about) else gate.about
            of = ", ".join(filter(None, [about, "" if (gate.name, gate.row) == (ATTACK, BASELINE) else gate.row]))
            found.setdefault((gate_found(gate), gate.follows), {})[of] = None
    for (check, follows), names in found.items():
        yield f"{capitalised(check)} ({'; '.join(names)}): {follows}"


def unproven_checks(results: Results) -> int:
    """How many checks are unproven."""
    return sum(gate.state is Gate.UNPROVEN for gate in results.gates)
