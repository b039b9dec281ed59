"""F, discriminatory behavior: the outcome, and the audit of decisions by sensitive group."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self, final

import torch
from torch import Tensor, nn

from amulet.core.classifier import require_classifier
from amulet.core.data import Data, Schema
from amulet.core.data_checks import require_data
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidData, Problem
from amulet.core.model import probabilities_of
from amulet.core.outcome import LEFT_OUT, Outcome
from amulet.core.probe import Audit, Game
from amulet.core.split import Split
from amulet.functional.rates import rates_by_group


@final
@dataclass(frozen=True, eq=False)
class DiscriminationOutcome(Outcome):
    """The true and the predicted decision for each record, and its sensitive group.

    Attributes:
        labels: (n,) bool, whether the true class is the positive one.
        predictions: (n,) bool, whether the predicted class is the positive one.
        groups: (n,) codes of one sensitive attribute; -1 if not recorded; all metrics leave such records out.
        index: (n,) identities of the records.

    Example:
        >>> from amulet.discriminatory_behavior.metrics import demographic_parity
        >>> labels, groups = torch.ones(4, dtype=torch.bool), torch.tensor([0, 0, 1, 1])
        >>> demographic_parity(DiscriminationOutcome(labels, torch.tensor([True, True, True, False]), groups))
        0.5
    """

    compares_groups = True
    truth = ("labels", "groups", "index")
    labels: Tensor
    predictions: Tensor
    groups: Tensor
    index: Tensor = LEFT_OUT

    def selection_rates(self) -> Tensor:
        """(groups,) share of favourable decisions in each group."""
        return rates_by_group(self.predictions, self.groups, torch.ones_like(self.labels))

    def true_positive_rates(self) -> Tensor:
        """(groups,) share of favourable decisions among records of the positive class; NaN for groups without any."""
        return rates_by_group(self.predictions, self.groups, self.labels)

    def false_positive_rates(self) -> Tensor:
        """(groups,) share of favourable decisions among records of other classes; NaN for groups without any."""
        return rates_by_group(self.predictions, self.groups, ~self.labels)


@final
@dataclass(frozen=True)
class Discrimination(Audit[DiscriminationOutcome]):
    """The model's decisions on the test set, by the groups of a sensitive attribute.

    Attributes:
        attribute: the name of the attribute.
    """

    risk = "discriminatory_behavior"
    outcome_type = DiscriminationOutcome
    attribute: str = "sex"

    @classmethod
    def for_data(cls, dataset: AmuletDataset, split: Split) -> tuple[Self, ...]:
        """By each sensitive attribute."""
        del split
        return tuple(cls(attribute=name) for name in dataset.schema.attribute_names) or (cls(),)

    def __str__(self) -> str:
        """The class with the attribute, even if that is the default."""
        return type(self).__name__ + self.settings(["attribute"])

    def demands(self, schema: Schema) -> Iterator[str]:
        """The data set must have the attribute, and a class that is the favourable decision."""
        if self.attribute not in schema.attribute_names:
            held = ", ".join(schema.attribute_names) or "none"
            yield f"{self} needs the sensitive attribute '{self.attribute}'; the data set has: {held}."
        if schema.positive is None:
            yield f"{self} needs the data set to name its positive class."

    def audit(self, model: nn.Module, data: Data) -> DiscriminationOutcome:
        """The outcome of any `nn.Module` that maps inputs to logits.

        Raises:
            InvalidData: the data lack the attribute or a positive class.
            InvalidParameter: the model does not give one logit for each class.
        """
        require_data(data, "data", type(self).__name__)
        problems = [Problem("attribute", sentence) for sentence in self.demands(data.schema)]
        if problems:
            raise InvalidData(problems)
        positive = data.schema.classes.index(data.schema.positive or "")
        require_classifier(model, data)
        predicted = probabilities_of(model, data).argmax(1)
        groups = data.attribute(self.attribute).cpu()
        return DiscriminationOutcome(data.y.cpu() == positive, predicted == positive, groups, data.index.cpu())

    def play(self, game: Game) -> DiscriminationOutcome:
        """Audit the target on the test records."""
        return self.audit(game.target.model, game.test)
