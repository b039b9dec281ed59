"""Retraining on answers and explanations. Milli, Schmidt, Dragan and Hardt 2019, https://arxiv.org/abs/1807.05185."""

from dataclasses import dataclass
from typing import Self

from amulet.core.dataset import AmuletDataset
from amulet.core.spec import Count, Positive
from amulet.core.split import Split
from amulet.derivations.extraction_with_explanations import ExtractionWithExplanations
from amulet.unauthorized_model_ownership.extraction import ModelExtractionAttack


@dataclass(frozen=True)
class ModelExtractionWithExplanations(ModelExtractionAttack):
    """Trains a surrogate on the target's probabilities, and to be explained as the target is.

    The attacker's records are of the same distribution as the target's training records. Of a target that releases no
    explanations it learns from the probabilities alone, which is `ModelExtraction`.

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

    @property
    def method(self) -> ExtractionWithExplanations:
        """Training on answers and explanations."""
        return ExtractionWithExplanations(self.weight, self.queries)
