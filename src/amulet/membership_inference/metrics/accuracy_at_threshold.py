"""Attack accuracy at the attack's own threshold. Song and Mittal 2021, https://arxiv.org/abs/2003.10595, section 3."""

from dataclasses import dataclass

from amulet.core.metric import Metric, Undefined
from amulet.membership_inference.outcome import MembershipOutcome


@dataclass(frozen=True)
class AccuracyAtThreshold(Metric[MembershipOutcome]):
    """The mean of true positive and true negative rate of the attack's own decisions. Guessing gives 0.5.

    The threshold was set without knowing the target's members, on shadow models for instance. So an adversary
    reaches this accuracy, where `balanced_accuracy` bounds it from above for one threshold on the scores.
    """

    low, high, riskier, chance, everywhere = 0.0, 1.0, "high", 0.5, False
    title = "Attack accuracy at its own threshold"
    meaning = "Mean of true positive and true negative rate of the attack's own decisions; 0.5 is guessing."

    def measure(self, outcome: MembershipOutcome) -> float | Undefined:
        """In [0, 1]; undefined without members or without non-members, and for attacks that only rank the records."""
        if outcome.one_sided:
            return Undefined("there are no members, or no others")
        if not outcome.decided:
            return Undefined("the attack ranks the records and does not decide which are members")
        accused = outcome.accused == 1
        found = accused[outcome.members].double().mean() + (~accused)[~outcome.members].double().mean()
        return found.item() / 2


accuracy_at_threshold = AccuracyAtThreshold()
