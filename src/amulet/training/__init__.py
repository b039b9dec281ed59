"""Training: recipes, the places where defenses act in them, the one loop, DP-SGD and its accounting."""

from amulet.training.dpsgd import DPSGD, Accountant
from amulet.training.fitted import Fitted
from amulet.training.function import TrainingFunction
from amulet.training.objectives import CrossEntropy, LogitAdjustment, Objective
from amulet.training.optimizers import SGD, Adam, Constant, Cosine, OneCycle, Optimizer, Schedule
from amulet.training.placebo import Placebo
from amulet.training.population import fit_population, fit_shadows
from amulet.training.recipe import Recipe
from amulet.training.stages import (
    DataUse,
    Defense,
    Finish,
    Penalize,
    Perturb,
    Prepare,
    Prepared,
    Slot,
    Trainable,
    Update,
)

__all__ = [
    "DPSGD",
    "SGD",
    "Accountant",
    "Adam",
    "Constant",
    "Cosine",
    "CrossEntropy",
    "DataUse",
    "Defense",
    "Finish",
    "Fitted",
    "LogitAdjustment",
    "Objective",
    "OneCycle",
    "Optimizer",
    "Penalize",
    "Perturb",
    "Placebo",
    "Prepare",
    "Prepared",
    "Recipe",
    "Schedule",
    "Slot",
    "Trainable",
    "TrainingFunction",
    "Update",
    "fit_population",
    "fit_shadows",
]
