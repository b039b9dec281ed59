"""P2: attribute inference."""

from amulet.attribute_inference.attack import AttributeInferenceAttack
from amulet.attribute_inference.observed import Observed
from amulet.attribute_inference.outcome import AttributeOutcome
from amulet.core.risk import Risk

__all__ = ["RISK", "AttributeInferenceAttack", "AttributeOutcome", "Observed"]

RISK = Risk(
    "attribute_inference",
    "P2",
    "Attribute inference",
    "An adversary infers a sensitive attribute of a record from what the model predicts for it.",
    question="Can private traits be guessed from it?",
    short="Attribute",
)
