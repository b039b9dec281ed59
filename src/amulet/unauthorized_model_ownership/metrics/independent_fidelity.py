"""Agreement without theft: the baseline of fidelity, https://arxiv.org/abs/1909.01838, section 3.2."""

from dataclasses import dataclass

from amulet.core.metric import Metric, Undefined
from amulet.unauthorized_model_ownership.extraction import ExtractionOutcome


@dataclass(frozen=True)
class IndependentFidelity(Metric[ExtractionOutcome]):
    """Share of records for which a model that has not seen the target predicts the same class as the target.

    It was trained on the attacker's records with their true labels. Where the fidelity of a surrogate is no higher, its
    access to the target has given the attacker nothing.
    """

    low, high, riskier, margin = 0.0, 1.0, None, 0.01
    title = "Fidelity without theft"
    meaning = "Agreement with the model of one that was trained on the attacker's own labelled records instead."

    def measure(self, outcome: ExtractionOutcome) -> float | Undefined:
        """In [0, 1]; undefined if there is no such model."""
        if (outcome.independent < 0).any():
            return Undefined("there is no independent model to compare with")
        return (outcome.independent == outcome.target).double().mean().item()


independent_fidelity = IndependentFidelity()
