"""What published work says of interactions: of defenses with risks, and of defenses with each other."""

from amulet.literature.agreement import Agreement, agreement
from amulet.literature.combinations import Combination, combinations
from amulet.literature.guideline import Direction, Prediction, Strength, predict
from amulet.literature.interactions import (
    DEFENSES,
    FACTORS,
    FACTORS_OF_DEFENSES,
    FACTORS_OF_RISKS,
    RISKS,
    SOURCE,
    Interaction,
    interaction,
    interactions,
)

__all__ = [
    "DEFENSES",
    "FACTORS",
    "FACTORS_OF_DEFENSES",
    "FACTORS_OF_RISKS",
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
