"""Equalized odds. Hardt et al. 2016, https://arxiv.org/abs/1610.02413, Definition 2.1."""

from dataclasses import dataclass

import numpy as np

from amulet.core.metric import ByChance, Metric, Undefined
from amulet.discriminatory_behavior.metrics.gaps import gap_by_chance, largest_gap, permuted_gaps
from amulet.discriminatory_behavior.outcome import DiscriminationOutcome, Rate


@dataclass(frozen=True)
class EqualizedOdds(Metric[DiscriminationOutcome]):
    """The larger of the largest differences between groups in the true and in the false positive rate; 0 is parity."""

    low, high, riskier, primary = 0.0, 1.0, "high", True
    net_of_chance = True
    title = "Equalized odds gap"
    phrase = "gap in error rates by {attribute}"
    meaning = "The larger of the gaps in true and in false positive rate; 0 is parity."

    def measure(self, outcome: DiscriminationOutcome) -> float | Undefined:
        """In [0, 1]; undefined if one of the two differences is."""
        gaps = largest_gap(outcome, Rate.TRUE_POSITIVE), largest_gap(outcome, Rate.FALSE_POSITIVE)
        undefined = [gap for gap in gaps if isinstance(gap, Undefined)]
        return undefined[0] if undefined else max(gap for gap in gaps if not isinstance(gap, Undefined))

    def by_chance(self, outcome: DiscriminationOutcome) -> ByChance | None:
        """Of groups permuted among the records of each class."""
        gaps = permuted_gaps(outcome, Rate.TRUE_POSITIVE), permuted_gaps(outcome, Rate.FALSE_POSITIVE)
        return None if gaps[0] is None or gaps[1] is None else gap_by_chance(np.maximum(gaps[0], gaps[1]))


equalized_odds = EqualizedOdds()
