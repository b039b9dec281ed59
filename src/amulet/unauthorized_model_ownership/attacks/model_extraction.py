"""Retraining on the target's answers. Tramer et al. 2016, https://arxiv.org/abs/1609.02943, section 4."""

from dataclasses import dataclass
from typing import Self

from amulet.core.dataset import AmuletDataset
from amulet.core.spec import Count
from amulet.core.split import Split
from amulet.derivations.extraction import Answers, Extraction
from amulet.unauthorized_model_ownership.extraction import ModelExtractionAttack


@dataclass(frozen=True)
class ModelExtraction(ModelExtractionAttack):
    """Trains a surrogate on the attacker's own records with the target's answers in place of their labels.

    The attacker's records are of the same distribution as the target's training records.

    Attributes:
        answers: the outputs that the attacker sees: "labels", "probabilities" or "logits".
        queries: the largest number of records that it asks about; None for all its records.
    """

    answers: Answers = "probabilities"
    queries: Count | None = None

    @classmethod
    def for_data(cls, dataset: AmuletDataset, split: Split) -> tuple[Self, ...]:
        """With its defaults."""
        del dataset, split
        return (cls(),)

    @property
    def method(self) -> Extraction:
        """Training on the answers."""
        return Extraction(self.answers, self.queries)
