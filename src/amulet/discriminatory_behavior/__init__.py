"""F: discriminatory behavior."""

from amulet.core.risk import Risk
from amulet.discriminatory_behavior.outcome import Discrimination, DiscriminationOutcome

__all__ = ["RISK", "Discrimination", "DiscriminationOutcome"]

RISK = Risk(
    "discriminatory_behavior",
    "F",
    "Discriminatory behavior",
    "The model decides differently for different groups.",
    question="Does it treat groups differently?",
    short="Fairness",
)
