"""A sensitive attribute from explanations. Duddu and Boutet 2022, https://arxiv.org/abs/2208.09967."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Self

import torch
from torch import Tensor

from amulet.attribute_inference.attack import AttributeInferenceAttack
from amulet.attribute_inference.attacks.attribute_from_outputs import AttributeFromOutputs
from amulet.attribute_inference.classifier import CLASSIFIER, classified, features_of
from amulet.attribute_inference.observed import Observed
from amulet.core.data import Schema
from amulet.core.dataset import AmuletDataset
from amulet.core.records.columns import columns_of
from amulet.core.split import Split
from amulet.core.threat import Access, Adversary
from amulet.core.trainable import Trainable


@dataclass(frozen=True)
class AttributeFromExplanations(AttributeInferenceAttack):
    """A classifier from what the model predicts for a record, and how this is explained, to the record's attribute.

    Of a target that releases no explanations it learns from the probabilities alone, which is `AttributeFromOutputs`.

    Attributes:
        attributions: which of them are seen: "all", "others" for all but those of the inputs that hold the attribute,
            "own" for these alone.
        classifier: how it is trained.
    """

    needs = Access.PROBABILITIES | Access.EXPLANATIONS
    attributions: Literal["all", "others", "own"] = "all"
    classifier: Trainable = CLASSIFIER

    @classmethod
    def for_data(cls, dataset: AmuletDataset, split: Split) -> tuple[Self, ...]:
        """Of each sensitive attribute."""
        del split
        return tuple(cls(attribute=name) for name in dataset.schema.attribute_names) or (cls(),)

    def demands(self, schema: Schema) -> Iterator[str]:
        """The attribute must be among the inputs if its own attributions are told from the others."""
        yield from AttributeInferenceAttack.demands(self, schema)
        if self.attributions != "all" and not self._own(schema):
            yield f"{self} needs inputs that hold the attribute '{self.attribute}'; the data set has none. Use 'all'."

    def without_releases(self) -> AttributeFromOutputs:
        """`AttributeFromOutputs` with the same classifier."""
        return AttributeFromOutputs(
            self.attribute, self.value, self.own_model, self.defense_known, classifier=self.classifier
        )

    def infer(self, adversary: Adversary, known: Observed, values: Tensor, asked: Observed) -> Tensor:
        """(n, values) probabilities."""
        attribute = self.told_apart(adversary.schema)
        learned, in_question = (self._features(each, adversary.schema) for each in (known, asked))
        return classified(self.classifier, (learned, values), in_question, attribute, seed=adversary.seed)

    def _features(self, observed: Observed, schema: Schema) -> Tensor:
        """(n, features) of the probabilities, and the attributions that are seen."""
        outputs, explanations = features_of(observed.probabilities), observed.explanations
        if explanations is None:
            return outputs
        return torch.cat([outputs, explanations[:, self._seen(schema).to(explanations.device)].to(outputs.dtype)], 1)

    def _seen(self, schema: Schema) -> Tensor:
        """Places of the inputs whose attributions are seen, in one flattened record."""
        places = torch.arange(torch.Size(schema.shape).numel())
        if self.attributions == "all":
            return places
        own = torch.isin(places, torch.tensor(self._own(schema), dtype=torch.int64))
        return places[own if self.attributions == "own" else ~own]

    def _own(self, schema: Schema) -> list[int]:
        """Places of the inputs that hold the attribute."""
        return list(columns_of(self.attribute, schema)) if len(schema.shape) == 1 else []
