"""Rate of the adversary's class without the trigger. Gu et al. 2019, https://arxiv.org/abs/1708.06733, section 4."""

from dataclasses import dataclass

from amulet.core.metric import Metric, Undefined
from amulet.poisoning.outcome import PoisoningOutcome


@dataclass(frozen=True)
class CleanTargetRate(Metric[PoisoningOutcome]):
    """Share of the records of other classes that the model classifies as the adversary's class without the trigger.

    It is the value of `poisoned_accuracy` if the trigger has no effect.
    """

    low, high, riskier = 0.0, 1.0, "high"
    title = "Target rate without trigger"
    meaning = "Share of the same records that the model assigns to the adversary's class without the trigger."

    def measure(self, outcome: PoisoningOutcome) -> float | Undefined:
        """In [0, 1]; undefined if all records are of the adversary's class."""
        if not outcome.others.any():
            return Undefined("all records are of the adversary's class")
        return (outcome.clean == outcome.target)[outcome.others].double().mean().item()


clean_target_rate = CleanTargetRate()
