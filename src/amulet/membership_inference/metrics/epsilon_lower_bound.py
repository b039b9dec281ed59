"""A lower bound on epsilon. Steinke et al. 2023, https://arxiv.org/abs/2305.08846, Theorem 5.2, Corollary 5.4."""

from dataclasses import dataclass
from typing import Final

from amulet.core.metric import Metric, Undefined
from amulet.membership_inference.privacy_audit import PrivacyAuditOutcome
from amulet.statistics import best_of_sizes

CEILING: Final = 11.0
"""Above what the most canaries of an audit can show: 100,000 guesses, all correct, give 10.4 at 95%."""


@dataclass(frozen=True)
class EpsilonLowerBound(Metric[PrivacyAuditOutcome]):
    """The epsilon that the audit refutes: with its confidence, training is not private with less at its delta.

    0 if nothing is refuted, which is no sign of privacy: the guesses may be poor. What can be reached grows with the
    logarithm of the number of canaries.
    """

    low, high, riskier, chance, margin = 0.0, CEILING, "high", 0.0, 0.1
    title = "Lower bound on epsilon"
    meaning = "Largest privacy parameter epsilon that an audit of the training refutes; 0 means that none is."

    def measure(self, outcome: PrivacyAuditOutcome) -> float | Undefined:
        """In [0, 11]; undefined if there are too few canaries to guess at any."""
        right, asked = outcome.counts()
        if not any(asked):
            return Undefined(f"there are {len(outcome)} canaries, too few to guess at the stated shares of them")
        return best_of_sizes(right, asked, len(outcome), outcome.delta.item(), outcome.confidence.item())


epsilon_lower_bound = EpsilonLowerBound()
