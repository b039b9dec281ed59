"""The p% rule. Zafar et al. 2017, https://arxiv.org/abs/1507.05259, section 3 (there in percent)."""

from dataclasses import dataclass

from amulet.core.metric import Metric, Undefined
from amulet.discriminatory_behavior.outcome import DiscriminationOutcome


@dataclass(frozen=True)
class PRule(Metric[DiscriminationOutcome]):
    """The smallest share of favourable decisions of any group divided by the largest; 1 is parity.

    US practice regards a value below 0.8 as evidence of disparate impact (the "80% rule").
    """

    low, high, riskier = 0.0, 1.0, "low"
    title = "p% rule"
    meaning = "The smallest share of favourable decisions of any group over the largest; 1 is parity."

    def measure(self, outcome: DiscriminationOutcome) -> float | Undefined:
        """In [0, 1]; undefined for fewer than two groups, or without any favourable decision."""
        rates = outcome.selection_rates()
        if len(rates) < 2:
            return Undefined("fewer than two groups are present")
        if rates.max() == 0:
            return Undefined("no group has a favourable decision")
        return (rates.min() / rates.max()).item()


p_rule = PRule()
