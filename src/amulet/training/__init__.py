"""Training: recipes, the places where defenses act in them, the one loop, DP-SGD and its accounting."""

from amulet.training.dpsgd import DPSGD, Accountant
from amulet.training.fitted import Fitted
from amulet.training.function import TrainingFunction
from amulet.training.held import Held
from amulet.training.objectives import CrossEntropy, LogitAdjustment, Objective
from amulet.training.optimizers import SGD, Adam, Constant, Cosine, OneCycle, Optimizer, Schedule
from amulet.training.placebo import Placebo
from amulet.training.population import fit_population, fit_shadows
from amulet.training.recipe import Recipe
from amulet.training.removal import Removal, Scorer
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
    "Held",
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
    "Removal",
    "Schedule",
    "Scorer",
    "Slot",
    "Trainable",
    "TrainingFunction",
    "Update",
    "fit_population",
    "fit_shadows",
]
