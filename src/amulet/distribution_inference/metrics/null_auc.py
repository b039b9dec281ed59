"""AUC where there is nothing to infer: two worlds of equal ratios. Suri and Evans 2022, https://arxiv.org/abs/2109.06024."""

from dataclasses import dataclass

from amulet.core.metric import Metric, Undefined
from amulet.distribution_inference.metrics.auc import area_of_pair
from amulet.distribution_inference.outcome import WorldOutcome


@dataclass(frozen=True)
class NullAUC(Metric[WorldOutcome]):
    """The AUC of the same attack on two worlds with equal ratios; it differs from one half by chance alone."""

    low, high, riskier = 0.0, 1.0, None
    title = "AUC with equal ratios"
    meaning = "The same attack where both groups of models have the same share: 0.5, but for chance."

    def measure(self, outcome: WorldOutcome) -> float | Undefined:
        """In [0, 1]; undefined without models of both worlds."""
        return area_of_pair(outcome, null=True)


null_auc = NullAUC()
