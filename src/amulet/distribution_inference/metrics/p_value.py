"""Permutation test of whether an attack finds anything. Phipson and Smyth 2010, https://doi.org/10.2202/1544-6115.1585."""

from dataclasses import dataclass

from amulet.core.metric import Metric, Undefined
from amulet.distribution_inference.outcome import WorldOutcome
from amulet.statistics.permutation import permutation_p_value


@dataclass(frozen=True)
class PValue(Metric[WorldOutcome]):
    """The probability of an AUC as far from one half if scores had nothing to do with worlds, on either side of it."""

    low, high, riskier, margin = 0.0, 1.0, None, 0.05
    title = "p-value of the attack"
    meaning = "Probability that an attack which finds nothing has an AUC as far from 0.5."

    def measure(self, outcome: WorldOutcome) -> float | Undefined:
        """In (0, 1]; undefined without models of both worlds."""
        scores, second = outcome.pair(null=False)
        if second.all() or not second.any():
            return Undefined("there are no models of one of the worlds")
        return permutation_p_value(scores[second].tolist(), scores[~second].tolist())


p_value = PValue()
