"""A sensitive attribute from outputs and record. Jayaraman and Evans 2022, https://arxiv.org/abs/2209.01292."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from amulet.attribute_inference.attack import AttributeInferenceAttack
from amulet.attribute_inference.classifier import CLASSIFIER, classified, features_of
from amulet.attribute_inference.observed import Observed
from amulet.core.data import Schema
from amulet.core.dataset import AmuletDataset
from amulet.core.records.columns import columns_of
from amulet.core.split import Split
from amulet.core.threat import Access, Adversary
from amulet.core.trainable import Trainable


@dataclass(frozen=True)
class AttributeFromOutputsAndRecord(AttributeInferenceAttack):
    """A classifier from the rest of the record, and the probabilities that the model predicts for it, to the attribute.

    The baseline is the same classifier without the probabilities: imputation from the record alone.

    Attributes:
        hidden: columns that the adversary does not see, besides those that are called as the attribute: places, names,
            names of one-hot groups, or "one-hot" for all groups.
        classifier: how it is trained.
    """

    needs = Access.PROBABILITIES
    sees_records = True
    hidden: tuple[int | str, ...] = ()
    classifier: Trainable = CLASSIFIER

    def demands(self, schema: Schema) -> Iterator[str]:
        """The hidden columns must be there, and some others."""
        yield from AttributeInferenceAttack.demands(self, schema)
        if self.hidden and len(schema.shape) != 1:
            yield f"{self} can hide columns of tabular data alone."
            return
        for each in self.hidden:
            if not columns_of(each, schema):
                known = ", ".join(schema.features) or f"places 0..{schema.shape[0] - 1}, for its columns have no names"
                yield f"{self} cannot hide {each!r}. The data set has {known}."
        if len(self.visible(schema)) == 0:
            yield f"{self} needs a column that is not hidden."

    def data_demands(self, dataset: AmuletDataset, split: Split) -> Iterator[str]:
        """No column that the adversary sees may state the attribute."""
        yield from AttributeInferenceAttack.data_demands(self, dataset, split)
        if any(self.demands(dataset.schema)) or len(dataset.schema.shape) != 1:
            return
        codes = self.codes(dataset.train)
        x, codes = dataset.train.as_inputs().x[codes >= 0], codes[codes >= 0]
        for place in self.visible(dataset.schema).tolist():
            if _states(x[:, place], codes):
                name = repr(dataset.schema.features[place]) if dataset.schema.features else str(place)
                yield f"{self} would see the attribute in column {name}. Name it in 'hidden'."

    def visible(self, schema: Schema) -> Tensor:
        """(inputs,) places of all inputs that are not hidden."""
        seen = AttributeInferenceAttack.visible(self, schema)
        if len(schema.shape) != 1:
            return seen
        hidden = [place for each in self.hidden for place in columns_of(each, schema)]
        return seen[~torch.isin(seen, torch.tensor(hidden, dtype=torch.int64))]

    def infer(self, adversary: Adversary, known: Observed, values: Tensor, asked: Observed) -> Tensor:
        """(n, values) probabilities."""
        learned, in_question = (
            torch.cat([each.records, features_of(each.probabilities)], 1) for each in (known, asked)
        )
        attribute = self.told_apart(adversary.schema)
        return classified(self.classifier, (learned, values), in_question, attribute, seed=adversary.seed)

    def impute(self, adversary: Adversary, known: Observed, values: Tensor, asked: Observed) -> Tensor:
        """(n, values) probabilities, by the records alone."""
        attribute = self.told_apart(adversary.schema)
        return classified(self.classifier, (known.records, values), asked.records, attribute, seed=adversary.seed)


def _states(column: Tensor, codes: Tensor) -> bool:
    """Whether a column holds one value for each value of the attribute, and not the same for all."""
    present = [column[codes == code] for code in codes.unique()]
    constant = all(bool((each == each[0]).all()) for each in present)
    return constant and len({each[0].item() for each in present}) > 1
