"""Success of the trigger on a model without a backdoor. Gu et al. 2019, https://arxiv.org/abs/1708.06733, section 4."""

from dataclasses import dataclass, replace

from amulet.core.metric import Metric, Undefined
from amulet.poisoning.metrics.poisoned_accuracy import poisoned_accuracy
from amulet.poisoning.outcome import PoisoningOutcome


@dataclass(frozen=True)
class TriggerAlone(Metric[PoisoningOutcome]):
    """`poisoned_accuracy` of a model that was trained on unchanged records, with the same defense and seed.

    If it is as high as that of the target, the trigger works by itself, and the attack has planted no backdoor.
    """

    low, high, riskier = 0.0, 1.0, None
    title = "Target rate of a clean model"
    meaning = (
        "Share of the same records with the trigger that a model without poisoned training records assigns to the "
        "adversary's class."
    )

    def measure(self, outcome: PoisoningOutcome) -> float | Undefined:
        """In [0, 1]; undefined without such a model, or if all records are of the adversary's class."""
        if (outcome.control < 0).all():
            return Undefined("there is no model that nobody tampered with")
        return poisoned_accuracy.measure(replace(outcome, triggered=outcome.control))


trigger_alone = TriggerAlone()
