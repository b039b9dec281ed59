"""Area under the ROC curve of the judgements of models. Suri et al. 2023, https://arxiv.org/abs/2212.07591."""

from dataclasses import dataclass

from amulet.core.metric import Metric, Undefined
from amulet.distribution_inference.outcome import WorldOutcome
from amulet.functional.roc import area_under, roc


@dataclass(frozen=True)
class AUC(Metric[WorldOutcome]):
    """The probability that a model of the second world has a higher score than one of the first, ties counting half."""

    low, high, riskier, primary, chance = 0.0, 1.0, "high", True, 0.5
    turns = True
    title = "Attack AUC"
    phrase = "success of guessing the share of {attribute}"
    meaning = "Probability that the attack tells which of two models was trained with the other share; 0.5 is guessing."

    def measure(self, outcome: WorldOutcome) -> float | Undefined:
        """In [0, 1]; undefined without models of both worlds."""
        return area_of_pair(outcome, null=False)


def area_of_pair(outcome: WorldOutcome, *, null: bool) -> float | Undefined:
    """The area for one pair of worlds.

    Args:
        outcome: scores of models of both pairs.
        null: whether the pair is that of equal ratios.
    """
    scores, second = outcome.pair(null=null)
    if second.all() or not second.any():
        return Undefined("there are no models of one of the worlds")
    return area_under(*roc(scores, second))


auc = AUC()
