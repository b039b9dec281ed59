"""Removal of records with low Shapley values. Jia et al. 2019, https://arxiv.org/abs/1908.08619, Theorem 1."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from amulet.core.classifier import needs_features
from amulet.core.data import Data
from amulet.core.errors import MissingInput, Problem
from amulet.core.model import penultimate_features
from amulet.core.spec import Count
from amulet.functional.knn_shapley import knn_shapley
from amulet.training.removal import Removal, Scorer


@dataclass(frozen=True)
class KNNShapley(Scorer):
    """The contribution of each record to a nearest-neighbour classifier of the defender's clean records.

    Distances are those between the penultimate features of the reference model.

    Attributes:
        neighbors: the number of neighbours of the classifier.
    """

    version: ClassVar[int] = 2
    needs_validation = True

    neighbors: Count = 10

    def model_problems(self, model: nn.Module, some: Data, asker: str) -> Iterator[Problem]:
        """The model must have penultimate features."""
        return needs_features(asker, model, some)

    def score(self, model: nn.Module, data: Data, validation: Data | None) -> Tensor:
        """(n,) Shapley values; negative for records that make the classifier worse."""
        if validation is None:
            raise MissingInput(f"{self} compares with clean records, and there are none.")
        features, clean = (penultimate_features(model, records) for records in (data, validation))
        return knn_shapley(features, data.y, clean, validation.y, self.neighbors)


@dataclass(frozen=True)
class OutlierRemoval(Removal):
    """Removes the records that contribute least to a nearest-neighbour classifier of the defender's clean records.

    Attributes:
        neighbors: the number of neighbours of the classifier.
    """

    risk = "poisoning"
    family = "outlier_removal"

    neighbors: Count = 10

    @property
    def scorer(self) -> KNNShapley:
        """Shapley values for this number of neighbours."""
        return KNNShapley(self.neighbors)
