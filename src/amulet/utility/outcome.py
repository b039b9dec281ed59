"""Utility: how well the model does its task. Not a risk, but the cost of a defense."""

from dataclasses import dataclass
from typing import final

from torch import Tensor, nn

from amulet.core.data import Data, require_data
from amulet.core.model import probabilities_of
from amulet.core.outcome import LEFT_OUT, Outcome
from amulet.core.probe import Audit, Game


@final
@dataclass(frozen=True, eq=False)
class PredictionOutcome(Outcome):
    """What the model predicts for records it was not trained on.

    Attributes:
        labels: (n,) true classes.
        probabilities: (n, classes) float64.
        index: (n,) the records' identities.
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
        """Predict with any `nn.Module` that maps inputs to logits."""
        require_data(data, "data", type(self).__name__)
        return PredictionOutcome(data.y.cpu(), probabilities_of(model, data), data.index.cpu())

    def play(self, game: Game) -> PredictionOutcome:
        """On the test records."""
        return self.audit(game.target.model, game.test)
