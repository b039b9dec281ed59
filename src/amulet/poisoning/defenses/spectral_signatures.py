"""Remove what stands out in its class. Tran et al. 2018, https://arxiv.org/abs/1811.00636, Algorithm 1."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from amulet.core.data import Data
from amulet.core.model import penultimate_features
from amulet.functional.spectral import ranks_within, spectral_scores
from amulet.training.removal import Removal, Scorer


@dataclass(frozen=True)
class SpectralScores(Scorer):
    """How little each record stands out in its class, along the direction in which the class spreads most.

    The spread is that of the penultimate features of the reference model. Records are ranked within their class,
    so that the same share of every class goes, as published.
    """

    needs_validation = False

    def score(self, model: nn.Module, data: Data, validation: Data | None) -> Tensor:
        """(n,) ranks in (0, 1), the lowest for what stands out most."""
        del validation
        features = penultimate_features(model, data)
        scores = torch.empty(len(data), dtype=torch.float64, device=data.x.device)
        for label in data.y.unique():
            own = data.y == label
            scores[own] = spectral_scores(features[own])
        return ranks_within(scores, data.y)


@dataclass(frozen=True)
class SpectralSignatures(Removal):
    """Drops `percent` of every class: the records that stand out most in it. It needs no clean records.

    Published is 1.5 times the share of poison that the defender expects in a class.
    """

    risk = "poisoning"

    @property
    def scorer(self) -> SpectralScores:
        """Ranks within classes."""
        return SpectralScores()
