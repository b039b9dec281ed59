"""The distance to the decision boundary. Moosavi-Dezfooli et al. 2016, https://arxiv.org/abs/1511.04599."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import final

from torch import Tensor, nn

from amulet.core.data import Data
from amulet.core.metric import Undefined
from amulet.core.probe import Game
from amulet.core.spec import Count
from amulet.factors.factor import Factor, FactorOutcome
from amulet.factors.records import gradients_needed, outcome_of_search
from amulet.functional.perturbations.boundary_distance import boundary_distances
from amulet.functional.perturbations.pgd import Classifier


@final
@dataclass(frozen=True)
class BoundaryDistance(Factor):
    """The median Euclidean distance of training records to another predicted class, within the bounds of the data.

    By DeepFool on a sample of the training records. Each distance is that to a point that was found, an upper bound on
    the true one.

    Attributes:
        records: how many training records are drawn; all where there are fewer.
        steps: the largest number of steps of a search.
    """

    low, high, code = 0.0, float("inf"), "O3"
    title = "Distance to the boundary"
    meaning = "Median Euclidean distance of training records to the nearest point found with another predicted class."
    needs_members = True

    records: Count = 500
    steps: Count = 30

    def sample(self) -> int:
        """The records that are drawn."""
        return self.records

    def model_demands(self, role: str, model: nn.Module, some: Data) -> Iterator[str]:
        """The outputs must have a gradient in the inputs."""
        del role
        yield from gradients_needed(str(self), model, some)

    def audit(self, model: nn.Module, members: Data, *, seed: int = 0) -> FactorOutcome:
        """The distance of each record that is drawn; infinity where no other class was found.

        Args:
            model: maps inputs to logits.
            members: records that it was trained on.
            seed: of the draw.

        Raises:
            InvalidData: these are no records.
            InvalidParameter: the model does not give one logit for each class.
        """
        search = partial(_distances, steps=self.steps)
        return outcome_of_search(model, members, search, count=self.records, seed=seed, owner=str(self))

    def play(self, game: Game) -> FactorOutcome:
        """Audit the target on its training records."""
        return self.audit(game.target.model, game.members, seed=game.seed)

    def value(self, outcome: FactorOutcome) -> float | Undefined:
        """At least 0; undefined if no other class was found for half of the records."""
        median = outcome.values.quantile(0.5, interpolation="higher").item()
        return Undefined("no other class was found near half of the records") if median == float("inf") else median


def _distances(model: Classifier, records: Data, *, steps: int) -> Tensor:
    return boundary_distances(model, records.x, (records.schema.low, records.schema.high), steps=steps)
