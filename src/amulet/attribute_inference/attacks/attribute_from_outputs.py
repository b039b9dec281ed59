"""A sensitive attribute from a model's outputs alone. Aalmoes et al. 2024, https://arxiv.org/abs/2211.10209."""

from dataclasses import dataclass
from typing import Self

from torch import Tensor

from amulet.attribute_inference.attack import AttributeInferenceAttack
from amulet.attribute_inference.classifier import CLASSIFIER, classified, features_of
from amulet.attribute_inference.observed import Observed
from amulet.core.dataset import AmuletDataset
from amulet.core.split import Split
from amulet.core.threat import Access, Adversary
from amulet.core.trainable import Trainable


@dataclass(frozen=True)
class AttributeFromOutputs(AttributeInferenceAttack):
    """A classifier from the probabilities that the model predicts for a record to the record's sensitive attribute.

    Attributes:
        classifier: how it is trained.
    """

    needs = Access.PROBABILITIES
    classifier: Trainable = CLASSIFIER

    @classmethod
    def for_data(cls, dataset: AmuletDataset, split: Split) -> tuple[Self, ...]:
        """Of each sensitive attribute."""
        del split
        return tuple(cls(attribute=name) for name in dataset.schema.attribute_names) or (cls(),)

    def infer(self, adversary: Adversary, known: Observed, values: Tensor, asked: Observed) -> Tensor:
        """(n, values) probabilities."""
        attribute = self.told_apart(adversary.schema)
        seen = (features_of(known.probabilities), values)
        return classified(self.classifier, seen, features_of(asked.probabilities), attribute, seed=adversary.seed)
