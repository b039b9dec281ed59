"""Utility: how well the model does its task. Not a risk, but the cost of a defense."""

from dataclasses import dataclass
from typing import final

from torch import Tensor, nn

from amulet.core.classifier import require_classifier
from amulet.core.data import Data
from amulet.core.model import device_of, evaluating, predict
from amulet.core.outcome import LEFT_OUT, Outcome
from amulet.core.probe import Audit, Game
from amulet.core.records.data_checks import require_data
from amulet.functional.membership.signals import log_odds


@final
@dataclass(frozen=True, eq=False)
class PredictionOutcome(Outcome):
    """The predictions of the model for records that it was not trained on.

    Attributes:
        labels: (n,) true classes.
        probabilities: (n, classes) float64 predicted probabilities.
        index: (n,) identities of the records.
        log_odds: (n, classes) float64 log odds of these probabilities, by which records are ranked: very confident
            predictions differ in them where their probabilities are rounded to 0 or 1. If it is omitted, records are
            ranked by the probabilities.

    Example:
        >>> import torch
        >>> from amulet.utility.metrics import accuracy
        >>> probabilities = torch.tensor([[0.9, 0.1], [0.6, 0.4]], dtype=torch.float64)
        >>> accuracy(PredictionOutcome(torch.tensor([0, 1]), probabilities))
        0.5
    """

    truth = ("labels", "index")
    optional = ("index", "log_odds")
    labels: Tensor
    probabilities: Tensor
    index: Tensor = LEFT_OUT
    log_odds: Tensor = LEFT_OUT

    @property
    def confidence(self) -> Tensor:
        """(n, classes) by what records are ranked for each class: log odds, or probabilities if these are omitted."""
        return self.log_odds if self.log_odds.shape == self.probabilities.shape else self.probabilities


@final
@dataclass(frozen=True)
class Utility(Audit[PredictionOutcome]):
    """The model's predictions on the test set."""

    risk = "utility"
    outcome_type = PredictionOutcome
    version = 2

    def audit(self, model: nn.Module, data: Data) -> PredictionOutcome:
        """Predict with any `nn.Module` that maps inputs to logits.

        Raises:
            InvalidParameter: the model does not give one logit for each class.
        """
        require_data(data, "data", type(self).__name__)
        require_classifier(model, data)
        with evaluating(model):
            logits = predict(model, data.to(device_of(model))).double().cpu()
        return PredictionOutcome(data.y.cpu(), logits.softmax(1), data.index.cpu(), log_odds(logits))

    def play(self, game: Game) -> PredictionOutcome:
        """Audit the target on the test records."""
        return self.audit(game.target.model, game.test)
