"""Attack accuracy at its best threshold. Carlini et al. 2022, https://arxiv.org/abs/2112.03570, section III."""

from dataclasses import dataclass

from amulet.core.metric import Metric, Undefined
from amulet.functional.roc import roc
from amulet.membership_inference.outcome import MembershipOutcome


@dataclass(frozen=True)
class BalancedAccuracy(Metric[MembershipOutcome]):
    """The mean of true positive and true negative rate at the threshold where it is largest.

    The threshold is chosen with knowledge of the true membership, so the value is an upper bound for an adversary. For
    random scores it is therefore above one half, by about 0.44 / sqrt(n) for n members and n non-members.
    """

    low, high, riskier = 0.5, 1.0, "high"
    title = "Attack balanced accuracy"
    meaning = "Mean of true positive and true negative rate at the best threshold; 0.5 is guessing."

    def measure(self, outcome: MembershipOutcome) -> float | Undefined:
        """In [0.5, 1]; undefined without members or without non-members."""
        if outcome.one_sided:
            return Undefined("there are no members, or no others")
        fpr, tpr = roc(outcome.scores, outcome.members)
        return ((tpr + 1 - fpr) / 2).max().item()


balanced_accuracy = BalancedAccuracy()
