"""Removal of the outliers of each class. Tran et al. 2018, https://arxiv.org/abs/1811.00636, Algorithm 1."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from amulet.core.classifier import needs_features
from amulet.core.data import Data
from amulet.core.errors import Problem
from amulet.core.model import penultimate_features
from amulet.functional.spectral import ranks_within, spectral_scores
from amulet.training.removal import Removal, Scorer


@dataclass(frozen=True)
class SpectralScores(Scorer):
    """The rank of each record within its class, from the largest deviation along the direction of largest variance.

    The deviation is that of the penultimate features of the reference model. Records are ranked within their class, so
    that the same share of every class is removed, as in the paper.
    """

    needs_validation = False

    def model_problems(self, model: nn.Module, some: Data, asker: str) -> Iterator[Problem]:
        """The model must have penultimate features."""
        return needs_features(asker, model, some)

    def score(self, model: nn.Module, data: Data, validation: Data | None) -> Tensor:
        """(n,) ranks in (0, 1), the lowest for the record that deviates most."""
        del validation
        features = penultimate_features(model, data)
        scores = torch.empty(len(data), dtype=torch.float64, device=data.x.device)
        for label in data.y.unique():
            own = data.y == label
            scores[own] = spectral_scores(features[own])
        return ranks_within(scores, data.y)


@dataclass(frozen=True)
class SpectralSignatures(Removal):
    """Removes `percent` of every class: its largest outliers. It needs no clean records.

    The paper removes 1.5 times the share of poisoned records that the defender expects in a class.
    """

    risk = "poisoning"
    family = "outlier_removal"

    @property
    def scorer(self) -> SpectralScores:
        """Ranks within classes."""
        return SpectralScores()
