"""How often the backdoor works. Gu et al. 2019, https://arxiv.org/abs/1708.06733, section 4."""

from dataclasses import dataclass

from amulet.core.metric import Metric, Undefined
from amulet.poisoning.outcome import PoisoningOutcome


@dataclass(frozen=True)
class PoisonedAccuracy(Metric[PoisoningOutcome]):
    """Share of triggered records of other classes that the model takes for the adversary's.

    Records of the adversary's own class are left out: there the model would be right by itself.
    """

    low, high, riskier, primary = 0.0, 1.0, "high", True
    title = "Poisoned accuracy"
    meaning = (
        "Share of records of other classes that the model assigns to the adversary's class if they carry the trigger."
    )
    chance, must_exceed = "clean_target_rate", "trigger_alone"

    def measure(self, outcome: PoisoningOutcome) -> float | Undefined:
        """In 0..1; undefined where all records are of the adversary's class."""
        if not outcome.others.any():
            return Undefined("all records are of the adversary's class")
        return (outcome.triggered == outcome.target)[outcome.others].double().mean().item()


poisoned_accuracy = PoisonedAccuracy()
