"""Training for fewer epochs. Song and Mittal 2021, https://arxiv.org/abs/2003.10595, section 5.2.

Rice et al. 2020, https://arxiv.org/abs/2002.11569, show that it also improves adversarial training.
"""

from dataclasses import dataclass, replace
from typing import Annotated

from annotated_types import Interval

from amulet.core.errors import Conflict, Problem
from amulet.core.trainable import Defense, T
from amulet.training.recipe import Recipe


@dataclass(frozen=True)
class EarlyStopping(Defense):
    """Trains for a share of the recipe's epochs, at least one and fewer than all.

    The learning rate schedule is run over the remaining epochs. Their number is fixed beforehand and does not depend on
    the data, so the defense can be combined with differential privacy.
    """

    risk = "membership_inference"

    share: Annotated[float, Interval(gt=0, lt=1)] = 0.5

    def apply(self, recipe: T) -> T:
        """The recipe with fewer epochs.

        Raises:
            Conflict: the recipe has one epoch only, or does not count epochs.
        """
        if not isinstance(recipe, Recipe) or recipe.epochs == 1:
            raise Conflict([Problem("epochs", f"EarlyStopping needs a recipe of several epochs. Got {recipe}.")])
        return replace(recipe, epochs=min(recipe.epochs - 1, max(1, round(self.share * recipe.epochs))))
