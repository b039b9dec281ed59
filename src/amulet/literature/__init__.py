"""What published work says of interactions: of defenses with risks, and of defenses with each other."""

from amulet.literature.agreement import Agreement, agreement
from amulet.literature.combinations import Combination, combinations
from amulet.literature.guideline import Direction, Prediction, Strength, predict
from amulet.literature.interactions import (
    DEFENSES,
    FACTORS,
    RISKS,
    SOURCE,
    Interaction,
    interaction,
    interactions,
)

__all__ = [
    "DEFENSES",
    "FACTORS",
    "RISKS",
    "SOURCE",
    "Agreement",
    "Combination",
    "Direction",
    "Interaction",
    "Prediction",
    "Strength",
    "agreement",
    "combinations",
    "interaction",
    "interactions",
    "predict",
]
