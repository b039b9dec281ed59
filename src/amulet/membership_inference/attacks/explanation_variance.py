"""Membership by explanations of low variance. Shokri, Strobel and Zick 2021, https://arxiv.org/abs/1907.00164."""

from dataclasses import dataclass

import torch
from torch import Tensor

from amulet.core.data import Selection
from amulet.core.threat import Access, Adversary
from amulet.functional.gradients.attributions import log_variances
from amulet.membership_inference.outcome import MembershipInferenceAttack


@dataclass(frozen=True)
class ExplanationVariance(MembershipInferenceAttack):
    """The score is minus the variance of a record's attributions over its inputs. No models are trained for it.

    It sees nothing but explanations. Of a model that releases none it has to guess: all records get one score.
    """

    needs = Access.EXPLANATIONS

    def without_releases(self) -> None:
        """A guess."""

    def score(self, adversary: Adversary, candidates: Selection) -> Tensor:
        """(n,) minus the logarithm of the variance; 0 for every record where there are no explanations."""
        if adversary.target.release(Access.EXPLANATIONS) is None:
            return torch.zeros(len(candidates), dtype=torch.float64)
        return -log_variances(adversary.target.answers(Access.EXPLANATIONS, candidates))
