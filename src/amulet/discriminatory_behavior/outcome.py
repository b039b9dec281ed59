"""F discriminatory behavior: do decisions differ between groups? Its outcome, and the audit that finds it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from amulet.core.classifier import require_classifier
from amulet.core.data import Data, Schema, require_data
from amulet.core.errors import InvalidData, Problem
from amulet.core.model import probabilities_of
from amulet.core.outcome import LEFT_OUT, Outcome
from amulet.core.probe import Audit, Game
from amulet.functional.rates import rates_by_group


@final
@dataclass(frozen=True, eq=False)
class DiscriminationOutcome(Outcome):
    """Favourable decisions and deserts by group.

    Attributes:
        labels: (n,) bool, whether the true class is the positive one.
        predictions: (n,) bool, whether the predicted class is the positive one.
        groups: (n,) codes of one sensitive attribute; -1 where not recorded, which every metric leaves out.
        index: (n,) the records' identities.
    """

    truth = ("labels", "groups", "index")
    labels: Tensor
    predictions: Tensor
    groups: Tensor
    index: Tensor = LEFT_OUT

    def selection_rates(self) -> Tensor:
        """(groups,) share of favourable decisions."""
        return rates_by_group(self.predictions, self.groups, torch.ones_like(self.labels))

    def true_positive_rates(self) -> Tensor:
        """(groups,) share of favourable decisions among those who deserve one; NaN for a group without any."""
        return rates_by_group(self.predictions, self.groups, self.labels)

    def false_positive_rates(self) -> Tensor:
        """(groups,) share of favourable decisions among those who do not; NaN for a group without any."""
        return rates_by_group(self.predictions, self.groups, ~self.labels)


@final
@dataclass(frozen=True)
class Discrimination(Audit[DiscriminationOutcome]):
    """The model's decisions on the test set, by the groups of one sensitive attribute (its name)."""

    risk = "discriminatory_behavior"
    outcome_type = DiscriminationOutcome
    attribute: str = "sex"

    def __str__(self) -> str:
        """The attribute always stands with it."""
        return type(self).__name__ + self.settings(["attribute"])

    def demands(self, schema: Schema) -> Iterator[str]:
        """The attribute must be there, and a class must be the favourable one."""
        if self.attribute not in schema.attribute_names:
            held = ", ".join(schema.attribute_names) or "none"
            yield f"{self} needs the sensitive attribute '{self.attribute}'; the data set has: {held}."
        if schema.positive is None:
            yield f"{self} needs the data set to name its positive class."

    def audit(self, model: nn.Module, data: Data) -> DiscriminationOutcome:
        """Decide with any `nn.Module` that maps inputs to logits.

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
        """On the test records."""
        return self.audit(game.target.model, game.test)
