"""Remove records of the least Shapley value. Jia et al. 2019, https://arxiv.org/abs/1908.08619, Theorem 1."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from amulet.core.data import Data
from amulet.core.errors import MissingInput
from amulet.core.model import penultimate_features
from amulet.core.spec import Count
from amulet.functional.knn_shapley import knn_shapley
from amulet.training.removal import Removal, Scorer


@dataclass(frozen=True)
class KNNShapley(Scorer):
    """How much each record helps its neighbours among the defender's clean records to their class.

    Neighbours are sought among the penultimate features of the reference model.
    """

    version: ClassVar[int] = 2
    needs_validation = True

    neighbors: Count = 10

    def score(self, model: nn.Module, data: Data, validation: Data | None) -> Tensor:
        """(n,) Shapley values; harmful records have negative ones."""
        if validation is None:
            raise MissingInput(f"{self} compares with clean records, and there are none.")
        features, clean = (penultimate_features(model, records) for records in (data, validation))
        return knn_shapley(features, data.y, clean, validation.y, self.neighbors)


@dataclass(frozen=True)
class OutlierRemoval(Removal):
    """Drops the records that help least to classify the defender's clean records by `neighbors` neighbours."""

    risk = "poisoning"

    neighbors: Count = 10

    @property
    def scorer(self) -> KNNShapley:
        """Shapley values over so many neighbours."""
        return KNNShapley(self.neighbors)
