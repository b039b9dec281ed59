"""Retraining on answers and explanations. Milli, Schmidt, Dragan and Hardt 2019, https://arxiv.org/abs/1807.05185."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from torch import nn

from amulet.core.data import Data
from amulet.core.dataset import AmuletDataset
from amulet.core.roles import SURROGATE
from amulet.core.spec import Count, Positive
from amulet.core.split import Split
from amulet.derivations.extraction_with_explanations import ExtractionWithExplanations
from amulet.training.privacy import mixing_layers
from amulet.unauthorized_model_ownership.attacks.model_extraction import ModelExtraction
from amulet.unauthorized_model_ownership.extraction import ModelExtractionAttack


@dataclass(frozen=True)
class ModelExtractionWithExplanations(ModelExtractionAttack):
    """Trains a surrogate on the target's probabilities, and to be explained as the target is.

    The attacker's records are of the same distribution as the target's training records. Of a target that releases no
    explanations it learns from the probabilities alone, which is `ModelExtraction`. The surrogate may have no batch
    norm, in whose training the explanation of a record depends on the others of its batch.

    Attributes:
        weight: of the distance between explanations, relative to their mean square, beside the loss of the answers.
        queries: the largest number of records that it asks about; None for all its records.
    """

    weight: Positive = 1.0
    queries: Count | None = None

    @classmethod
    def for_data(cls, dataset: AmuletDataset, split: Split) -> tuple[Self, ...]:
        """With its defaults."""
        del dataset, split
        return (cls(),)

    def model_demands(self, role: str, model: nn.Module, some: Data) -> Iterator[str]:
        """The copy must give a record the same explanation in training as afterwards."""
        del some
        layers = mixing_layers(model) if role == SURROGATE else []
        if layers:
            yield (
                f"{self} needs a surrogate whose explanation of a record depends on no other record. "
                f"{' and '.join(layers)} layers mix the records of a batch in training, so that it would learn other "
                f"explanations than it gives. Set its recipe to one with norm='group'."
            )

    def without_releases(self) -> ModelExtraction:
        """`ModelExtraction` with as many queries."""
        return ModelExtraction(self.recipe, queries=self.queries)

    @property
    def method(self) -> ExtractionWithExplanations:
        """Training on answers and explanations."""
        return ExtractionWithExplanations(self.weight, self.queries)
