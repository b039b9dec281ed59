"""Correctness where copy and target agree; Amulet paper, Table 7: https://github.com/ssg-research/amulet."""

from dataclasses import dataclass

from amulet.core.metric import Metric, Undefined
from amulet.unauthorized_model_ownership.extraction import ExtractionOutcome


@dataclass(frozen=True)
class CorrectFidelity(Metric[ExtractionOutcome]):
    """Among the records on which target and surrogate agree, the share on which they are right.

    The paper uses the same name, in its Table 8, for the share of all records on which both are right: see
    `joint_accuracy`.
    """

    low, high, riskier, margin = 0.0, 1.0, None, 0.01
    title = "Correct fidelity"
    meaning = "Among the records on which model and stolen copy agree, the share on which they are right."

    def measure(self, outcome: ExtractionOutcome) -> float | Undefined:
        """In [0, 1]; undefined if they agree on no record."""
        if not outcome.agreed.any():
            return Undefined("target and surrogate agree on no record")
        return (outcome.target == outcome.labels)[outcome.agreed].double().mean().item()


correct_fidelity = CorrectFidelity()
