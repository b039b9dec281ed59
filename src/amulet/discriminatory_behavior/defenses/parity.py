"""Between which groups a defense seeks parity, and which; the bases of such defenses."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

import torch
from pydantic import BeforeValidator
from torch import Tensor
from torch.nn.functional import one_hot

from amulet.core.data import Data, Schema
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import Problem
from amulet.core.measurements.groups import FEWEST, Combined, are_different, group_demands, names_of
from amulet.core.measurements.tally import Tally
from amulet.core.spec import NonNegative
from amulet.core.split import Split
from amulet.core.trainable import DataUse, Stage
from amulet.training.stages import Penalize

Constraint = Literal["demographic_parity", "equalized_odds"]
"""Predictions independent of the group: among all records, or among the records of each true class."""


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


Attributes = Annotated[tuple[Combined, ...], BeforeValidator(_as_tuple)]
"""Sensitive attributes, each by itself; one of them may be several attributes combined."""

Strengths = Annotated[tuple[NonNegative, ...], BeforeValidator(_as_tuple)]
"""One strength for each of the attributes, or one for all."""


@dataclass(frozen=True)
class ParityPenalty(Penalize):
    """A penalty for each of several sensitive attributes.

    Attributes:
        attributes: names of sensitive attributes, each with a penalty of its own. Several names together, as in
            `("sex", ("sex", "race"))`, are one attribute, whose values are the combinations of theirs.
        strength: the weight of the penalty; one for all attributes, or one for each.
        constraint: the parity that is sought.
    """

    risk = "discriminatory_behavior"
    family = "group_fairness"
    data_use = DataUse.DATASET

    attributes: Attributes = ("sex",)
    strength: Strengths = (1.0,)
    constraint: Constraint = "demographic_parity"

    @property
    def strengths(self) -> tuple[float, ...]:
        """One for each attribute."""
        return self.strength * (len(self.attributes) // len(self.strength))

    def problems(self) -> Iterator[Problem]:
        """Attributes are different ones, and there is a strength for each of them or one for all."""
        if not are_different(self.attributes):
            yield self.problem("attributes", "the name of an attribute, or several different names")
        if len(self.strength) not in {1, len(self.attributes)}:
            yield self.problem("strength", f"one for all, or one for each of the {len(self.attributes)} attributes")

    @classmethod
    def for_data(cls, dataset: AmuletDataset, split: Split) -> tuple[Self, ...]:
        """By the attribute whose groups differ most in the training records."""
        del split
        return (cls(attributes=(usual_attribute(dataset),)),)

    def data_problems(self, schema: Schema, records: int) -> Iterator[Problem]:
        """The data set must have the attributes."""
        del records
        for attribute in self.attributes:
            yield from (Problem("attributes", f"{self} needs {lack}.") for lack in group_demands(schema, attribute))


@dataclass(frozen=True)
class ParityByAttribute(Stage):
    """What stages have in common that seek parity between the groups of one attribute.

    Attributes:
        attribute: the name of a sensitive attribute, or several names, whose groups are the combinations of values.
    """

    risk = "discriminatory_behavior"
    family = "group_fairness"

    attribute: Combined = "sex"

    def problems(self) -> Iterator[Problem]:
        """Several attributes must be different ones."""
        if not are_different(names_of(self.attribute)):
            yield self.problem("attribute", "the name of an attribute, or several different names")

    @classmethod
    def for_data(cls, dataset: AmuletDataset, split: Split) -> tuple[Self, ...]:
        """By the attribute whose groups differ most in the training records."""
        del split
        return (cls(attribute=usual_attribute(dataset)),)

    def data_problems(self, schema: Schema, records: int) -> Iterator[Problem]:
        """The data set must have the attributes."""
        del records
        yield from (Problem("attribute", f"{self} needs {lack}.") for lack in group_demands(schema, self.attribute))


def usual_attribute(dataset: AmuletDataset) -> str:
    """The attribute of a defense that nobody chose settings for: the one whose groups differ most in their classes.

    Two groups differ by the largest difference between their shares of a class; groups with too few training records to
    be compared are left out. Of equal attributes the first is taken.

    Example:
        >>> from amulet.testing import toy_dataset
        >>> usual_attribute(toy_dataset())
        'sex'
    """
    counts = Tally.of(dataset.train).groups
    return max(counts, key=lambda name: _largest_difference(counts[name].values()), default="sex")


def _largest_difference(groups: Iterable[Mapping[str, int]]) -> float:
    """Of the shares of a class between any two groups that are large enough."""
    counts = torch.tensor([list(group.values()) for group in groups if sum(group.values()) >= FEWEST])
    if len(counts) == 0:
        return 0.0
    shares = counts / counts.sum(1, keepdim=True)
    return float((shares.amax(0) - shares.amin(0)).max())


def given_class(data: Data, constraint: Constraint) -> Tensor:
    """(n, classes) what is known of a record beside the prediction: its true class for equalized odds, else nothing."""
    if constraint == "demographic_parity":
        return torch.zeros(len(data), 0, device=data.y.device)
    return one_hot(data.y, len(data.schema.classes)).float()
