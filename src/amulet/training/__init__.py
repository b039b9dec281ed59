"""Training: recipes, the places where defenses act in them, augmentation, the one loop, DP-SGD, populations."""

from amulet.core.fitted import Fitted
from amulet.core.held import Held
from amulet.core.trainable import DataUse, Defense, Slot, Trainable
from amulet.training.augmentation import Augmentation, Crop, Flip
from amulet.training.dpsgd import DPSGD, Accountant
from amulet.training.function import TrainingFunction
from amulet.training.objectives import CrossEntropy, LogitAdjustment, Objective
from amulet.training.optimizers import SGD, Adam, Constant, Cosine, OneCycle, Optimizer, Schedule, Steps
from amulet.training.penalty import Penalty
from amulet.training.placebo import Placebo
from amulet.training.population import fit_population, fit_shadows
from amulet.training.recipe import Recipe
from amulet.training.removal import Removal, Scorer
from amulet.training.stages import Finish, Penalize, Perturb, Prepare, Prepared, Update
from amulet.training.updates import Pace

__all__ = [
    "DPSGD",
    "SGD",
    "Accountant",
    "Adam",
    "Augmentation",
    "Constant",
    "Cosine",
    "Crop",
    "CrossEntropy",
    "DataUse",
    "Defense",
    "Finish",
    "Fitted",
    "Flip",
    "Held",
    "LogitAdjustment",
    "Objective",
    "OneCycle",
    "Optimizer",
    "Pace",
    "Penalize",
    "Penalty",
    "Perturb",
    "Placebo",
    "Prepare",
    "Prepared",
    "Recipe",
    "Removal",
    "Schedule",
    "Scorer",
    "Slot",
    "Steps",
    "Trainable",
    "TrainingFunction",
    "Update",
    "fit_population",
    "fit_shadows",
]
