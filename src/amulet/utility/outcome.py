"""Utility: how well the model does its task. Not a risk, but the cost of a defense."""

from dataclasses import dataclass
from typing import final

from torch import Tensor, nn

from amulet.core.classifier import require_classifier
from amulet.core.data import Data
from amulet.core.data_checks import require_data
from amulet.core.model import probabilities_of
from amulet.core.outcome import LEFT_OUT, Outcome
from amulet.core.probe import Audit, Game


@final
@dataclass(frozen=True, eq=False)
class PredictionOutcome(Outcome):
    """The predictions of the model for records that it was not trained on.

    Attributes:
        labels: (n,) true classes.
        probabilities: (n, classes) float64 predicted probabilities.
        index: (n,) identities of the records.

    Example:
        >>> import torch
        >>> from amulet.utility.metrics import accuracy
        >>> probabilities = torch.tensor([[0.9, 0.1], [0.6, 0.4]], dtype=torch.float64)
        >>> accuracy(PredictionOutcome(torch.tensor([0, 1]), probabilities))
        0.5
    """

    truth = ("labels", "index")
    labels: Tensor
    probabilities: Tensor
    index: Tensor = LEFT_OUT


@final
@dataclass(frozen=True)
class Utility(Audit[PredictionOutcome]):
    """The model's predictions on the test set."""

    risk = "utility"
    outcome_type = PredictionOutcome

    def audit(self, model: nn.Module, data: Data) -> PredictionOutcome:
        """Predict with any `nn.Module` that maps inputs to logits.

        Raises:
            InvalidParameter: the model does not give one logit for each class.
        """
        require_data(data, "data", type(self).__name__)
        require_classifier(model, data)
        return PredictionOutcome(data.y.cpu(), probabilities_of(model, data), data.index.cpu())

    def play(self, game: Game) -> PredictionOutcome:
        """Audit the target on the test records."""
        return self.audit(game.target.model, game.test)
