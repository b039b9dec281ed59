"""How well outputs tell groups from each other. Factor O2.2 of Duddu et al. 2024, https://arxiv.org/abs/2312.04542."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean
from typing import Self, final

from torch import Tensor, nn

from amulet.core.data import Data, Schema
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidData, Problem
from amulet.core.measurements.groups import FEWEST, Combined, are_different, combined_groups, group_demands, names_of
from amulet.core.metric import Undefined
from amulet.core.probe import Game
from amulet.core.records.data_checks import require_data
from amulet.core.spec import Count
from amulet.core.split import Split
from amulet.factors.factor import Factor, FactorOutcome
from amulet.factors.records import logits_about
from amulet.functional.kolmogorov_smirnov import kolmogorov_smirnov
from amulet.functional.membership.signals import log_odds


@final
@dataclass(frozen=True)
class GroupDistinguishability(Factor):
    """The distance between the distributions of the model's outputs in two groups, of the two that differ most.

    For each class the distance of Kolmogorov and Smirnov between the log odds of that class in the two groups; then the
    mean over the classes, and the largest over pairs of groups.

    Attributes:
        attribute: the name of the sensitive attribute, or several names, for the combinations of their values.
        fewest: groups with fewer records are not compared.
    """

    low, high, code = 0.0, 1.0, "O2.2"
    title = "Distinguishability of groups"
    meaning = "Largest difference between the distributions of the model's outputs in two groups."

    attribute: Combined = "sex"
    fewest: Count = FEWEST

    def problems(self) -> Iterator[Problem]:
        """Several attributes must be different ones."""
        if not are_different(names_of(self.attribute)):
            yield self.problem("attribute", "the name of an attribute, or several different names")

    @classmethod
    def for_data(cls, dataset: AmuletDataset, split: Split) -> tuple[Self, ...]:
        """By each sensitive attribute."""
        del split
        return tuple(cls(attribute=name) for name in dataset.schema.attribute_names) or (cls(),)

    def __str__(self) -> str:
        """The class with the attribute, even if that is the default."""
        return type(self).__name__ + self.settings(self.changed("attribute"))

    def heading(self) -> str:
        """With the attribute."""
        return f"{self.title} ({' and '.join(names_of(self.attribute))})"

    def demands(self, schema: Schema) -> Iterator[str]:
        """The data set must have the attributes, with few values."""
        yield from (f"{self} needs {lacking}." for lacking in group_demands(schema, self.attribute))

    def audit(self, model: nn.Module, records: Data) -> FactorOutcome:
        """The log odds of every class, and the group of each record.

        Args:
            model: maps inputs to logits.
            records: that it was not trained on.

        Raises:
            InvalidData: the data lack the attribute, or it has too many values.
            InvalidParameter: the model does not give one logit for each class.
        """
        require_data(records, "records", str(self))
        if problems := [Problem("attribute", sentence) for sentence in self.demands(records.schema)]:
            raise InvalidData(problems)
        groups = combined_groups(records, self.attribute)
        return FactorOutcome(log_odds(logits_about(model, records)), groups.cpu(), records.index.cpu())

    def play(self, game: Game) -> FactorOutcome:
        """Audit the target on the auxiliary records."""
        return self.audit(game.target.model, game.auxiliary)

    def value(self, outcome: FactorOutcome) -> float | Undefined:
        """In [0, 1]; undefined if fewer than two groups have `fewest` records."""
        codes, counts = outcome.sides[outcome.sides >= 0].unique(return_counts=True)
        groups = [outcome.values[outcome.sides == code] for code in codes[counts >= self.fewest]]
        if len(groups) < 2:
            return Undefined(f"fewer than two groups have {self.fewest} records")
        return max(_distance(*pair) for pair in combinations(groups, 2))


def _distance(first: Tensor, second: Tensor) -> float:
    """The mean over the classes; of two classes, whose log odds mirror each other, one is enough."""
    classes = range(first.shape[1])[-1:] if first.shape[1] == 2 else range(first.shape[1])
    return fmean(kolmogorov_smirnov(first[:, each], second[:, each]) for each in classes)
