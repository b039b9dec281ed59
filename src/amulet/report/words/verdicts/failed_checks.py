"""The validity checks that stand in the way, each once, with all rows that it is said of."""

from collections.abc import Iterator

from amulet.experiments.planning.experiment import BASELINE
from amulet.experiments.results.checks.few_seeds import few_seeds
from amulet.experiments.results.checks.gates import ATTACK, MODEL, Checked
from amulet.experiments.results.results import Results
from amulet.report.words.verdicts.gates import gate_found
from amulet.report.words.vocabulary.names import capitalised, is_risk, risk_name
from amulet.statistics import Gate


def failed_checks(results: Results) -> Iterator[str]:
    """A sentence for each failed check: "Model check failed (DP-SGD, both): This model decides hardly ...".

    Behind these stands which models are not shown to have learned anything.
    """
    weighty = [gate for gate in results.gates if gate.state is Gate.FAILED]
    weighty += unproven_models(results)
    found: dict[tuple[str, str], dict[str, None]] = {}
    for gate in weighty:
        about = risk_name(gate.about) if gate.about and is_risk(gate.about) else gate.about
        of = ", ".join(filter(None, [about, "" if (gate.name, gate.row) == (ATTACK, BASELINE) else gate.row]))
        found.setdefault((gate_found(gate), gate.follows), {})[of] = None
    for (check, follows), names in found.items():
        yield f"{capitalised(check)} ({'; '.join(names)}): {follows}"


def unproven_models(results: Results) -> tuple[Checked, ...]:
    """The checks of models that are not shown to have learned anything; none with too few seeds."""
    if few_seeds(results):
        return ()
    return tuple(gate for gate in results.gates if gate.name == MODEL and gate.state is Gate.UNPROVEN)


def unproven_checks(results: Results) -> int:
    """How many checks are unproven, beside those of models."""
    return sum(gate.state is Gate.UNPROVEN and gate.name != MODEL for gate in results.gates)
