"""Area under the ROC curve. Carlini et al. 2022, https://arxiv.org/abs/2112.03570, section IV."""

from dataclasses import dataclass

from amulet.core.metric import Metric, Undefined
from amulet.functional.roc import area_under, roc
from amulet.membership_inference.outcome import MembershipOutcome


@dataclass(frozen=True)
class AUC(Metric[MembershipOutcome]):
    """The probability that a member has a higher score than a non-member, ties counting half. Guessing gives 0.5."""

    low, high, riskier, primary, chance = 0.0, 1.0, "high", True, 0.5
    turns = True
    title = "Attack AUC"
    phrase = "success of recognising training records"
    meaning = "Probability that the attack ranks a training record above another record; 0.5 is guessing."

    def measure(self, outcome: MembershipOutcome) -> float | Undefined:
        """In [0, 1]; undefined without members or without non-members."""
        if outcome.one_sided:
            return Undefined("there are no members, or no others")
        return area_under(*roc(outcome.scores, outcome.members))


auc = AUC()
