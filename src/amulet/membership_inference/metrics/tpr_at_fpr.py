"""True positive rate at a fixed false positive rate. Carlini et al. 2022, https://arxiv.org/abs/2112.03570."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import torch

from amulet.core.errors import Problem
from amulet.core.metric import Metric, Undefined
from amulet.core.spec import OpenProbability
from amulet.functional.roc import roc, tpr_at
from amulet.membership_inference.outcome import MembershipOutcome

FEWEST_ACCUSED = 10
"""The smallest number of false positives from which a rate is estimated."""


LARGEST_MARGIN = 0.02
"""One member in fifty."""


@dataclass(frozen=True)
class TPRAtFPR(Metric[MembershipOutcome]):
    """True positive rate at the threshold where at most a share `fpr` of the non-members is taken for members.

    Guessing has a true positive rate of `fpr`, which is its chance level. Its margin is twice that, and at most 0.02.
    """

    low, high, riskier = 0.0, 1.0, "high"
    title = "TPR at FPR"
    meaning = "Share of training records that are identified at the stated false positive rate."
    fpr: OpenProbability = 0.01

    def problems(self) -> Iterator[Problem]:
        """None; chance level and margin follow from the rate."""
        object.__setattr__(self, "chance", self.fpr)
        object.__setattr__(self, "margin", min(LARGEST_MARGIN, 2 * self.fpr))
        yield from ()

    @classmethod
    def defaults(cls) -> tuple[Self, ...]:
        """At 1% and at 0.1%, where there are enough records."""
        return cls(fpr=0.01), cls(fpr=0.001)

    def measure(self, outcome: MembershipOutcome) -> float | Undefined:
        """In [0, 1]; undefined if `fpr` allows fewer than 10 false positives, too few to estimate the rate."""
        if outcome.one_sided:
            return Undefined("there are no members, or no others")
        others = int((~outcome.members).sum())
        if self.fpr * others < FEWEST_ACCUSED:
            return Undefined(f"fewer than {FEWEST_ACCUSED} of {others} non-members would be accused")
        rate = torch.tensor([self.fpr], dtype=torch.float64)
        return tpr_at(rate, *roc(outcome.scores, outcome.members)).item()
