"""What an audit finds above the proven epsilon. Steinke et al. 2023, https://arxiv.org/abs/2305.08846, section 1."""

from dataclasses import dataclass

from amulet.core.metric import Metric, Undefined
from amulet.membership_inference.metrics.epsilon_lower_bound import CEILING, epsilon_lower_bound
from amulet.membership_inference.privacy_audit import PrivacyAuditOutcome


@dataclass(frozen=True)
class ExcessEpsilon(Metric[PrivacyAuditOutcome]):
    """How far the lower bound on epsilon is above the epsilon that training claims to have spent, at least 0.

    Above 0 the two contradict each other: the training is not what it claims to be, or chance has misled the audit,
    which it does with a probability of at most one minus its confidence.
    """

    low, high, riskier, shows, margin = 0.0, CEILING, None, "proof", 0.1
    title = "Epsilon beyond the proven"
    meaning = "How far the audited lower bound on epsilon is above the proven epsilon; above 0 the proof is wrong."

    def measure(self, outcome: PrivacyAuditOutcome) -> float | Undefined:
        """In [0, 11]; undefined for training that claims no epsilon."""
        if outcome.proven.isinf():
            return Undefined("training has no privacy guarantee")
        bound = epsilon_lower_bound(outcome)
        return bound if isinstance(bound, Undefined) else max(0.0, bound - outcome.proven.item())


excess_epsilon = ExcessEpsilon()
