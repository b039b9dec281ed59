"""How well outputs tell training records from others. Factor O2.1 of Duddu et al. 2024, https://arxiv.org/abs/2312.04542."""

from dataclasses import dataclass
from typing import final

from torch import Tensor, nn

from amulet.core.data import Data
from amulet.core.metric import Undefined
from amulet.core.probe import Game
from amulet.factors.factor import Factor, FactorOutcome
from amulet.factors.records import outcome_of_two
from amulet.functional.kolmogorov_smirnov import kolmogorov_smirnov
from amulet.functional.membership.signals import log_odds


@final
@dataclass(frozen=True)
class MemberDistinguishability(Factor):
    """The distance between the distributions of the model's confidence on its training records and on others.

    The confidence is the log odds of the predicted class. The true class is not used: what is compared is what the
    model shows. The distance is that of Kolmogorov and Smirnov, the largest true less false positive rate of any
    threshold on the confidence.
    """

    low, high, code = 0.0, 1.0, "O2.1"
    title = "Distinguishability of members"
    meaning = (
        "Largest difference between the distributions of the model's confidence on training records and on others."
    )
    needs_members = True

    def audit(self, model: nn.Module, members: Data, others: Data) -> FactorOutcome:
        """The confidence of each record.

        Args:
            model: maps inputs to logits.
            members: records that it was trained on.
            others: records of the same distribution that it was not trained on.

        Raises:
            InvalidData: the others are of another data set, or among the members.
            InvalidParameter: the model does not give one logit for each class.
        """
        return outcome_of_two(model, members, others, _confidence, str(self))

    def play(self, game: Game) -> FactorOutcome:
        """Members against auxiliary records."""
        return self.audit(game.target.model, game.members, game.auxiliary)

    def value(self, outcome: FactorOutcome) -> float | Undefined:
        """In [0, 1]; undefined without training records or without others."""
        inside = outcome.sides == 1
        if inside.all() or not inside.any():
            return Undefined("there are no training records, or no others")
        return kolmogorov_smirnov(outcome.values[inside], outcome.values[~inside])


def _confidence(logits: Tensor, y: Tensor) -> Tensor:
    del y
    return log_odds(logits).amax(1)
