"""The success rate of the backdoor. Gu et al. 2019, https://arxiv.org/abs/1708.06733, section 4."""

from dataclasses import dataclass

from amulet.core.metric import Metric, Undefined
from amulet.poisoning.outcome import PoisoningOutcome


@dataclass(frozen=True)
class PoisonedAccuracy(Metric[PoisoningOutcome]):
    """Share of the triggered records of other classes that the model classifies as the adversary's class.

    Records of the adversary's own class are left out, since their correct prediction is that class.
    """

    low, high, riskier, primary = 0.0, 1.0, "high", True
    title = "Attack success rate"
    phrase = "success of poisoning"
    meaning = (
        "Share of records of other classes that the model assigns to the adversary's class if they carry the trigger."
    )
    chance, must_exceed = "clean_target_rate", "trigger_alone"

    def measure(self, outcome: PoisoningOutcome) -> float | Undefined:
        """In [0, 1]; undefined if all records are of the adversary's class."""
        if not outcome.others.any():
            return Undefined("all records are of the adversary's class")
        return (outcome.triggered == outcome.target)[outcome.others].double().mean().item()


poisoned_accuracy = PoisonedAccuracy()
