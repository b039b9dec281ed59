"""The gap between training and other records. Yeom et al. 2018, https://arxiv.org/abs/1709.01604, section 2."""

from dataclasses import dataclass
from typing import final

from torch import Tensor, nn

from amulet.core.data import Data
from amulet.core.metric import Undefined
from amulet.core.probe import Game
from amulet.factors.factor import Factor, FactorOutcome
from amulet.factors.records import outcome_of_two


@final
@dataclass(frozen=True)
class GeneralisationGap(Factor):
    """Accuracy on the target's training records less that on the auxiliary records, which it was not trained on."""

    low, high = -1.0, 1.0
    title = "Generalisation gap"
    meaning = "Accuracy on training records less accuracy on others."
    needs_members = True

    def audit(self, model: nn.Module, members: Data, others: Data) -> FactorOutcome:
        """1 for each record that is predicted correctly and 0 for others.

        Args:
            model: maps inputs to logits.
            members: records that it was trained on.
            others: records of the same distribution that it was not trained on.

        Raises:
            InvalidData: the others are of another data set, or among the members.
            InvalidParameter: the model does not give one logit for each class.
        """
        return outcome_of_two(model, members, others, _correct, str(self))

    def play(self, game: Game) -> FactorOutcome:
        """Members against auxiliary records."""
        return self.audit(game.target.model, game.members, game.auxiliary)

    def value(self, outcome: FactorOutcome) -> float | Undefined:
        """In [-1, 1]; undefined without training records or without others."""
        inside = outcome.sides == 1
        if inside.all() or not inside.any():
            return Undefined("there are no training records, or no others")
        return float(outcome.values[inside].mean() - outcome.values[~inside].mean())


def _correct(logits: Tensor, y: Tensor) -> Tensor:
    return logits.argmax(1) == y
