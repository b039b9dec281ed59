"""The curvature of the loss in the inputs. Moosavi-Dezfooli et al. 2019, https://arxiv.org/abs/1811.09716."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from math import log10
from typing import final

from torch import Generator, Tensor, nn

from amulet.core.data import Data
from amulet.core.metric import Undefined
from amulet.core.model import device_of
from amulet.core.probe import Game
from amulet.core.seeds import generator
from amulet.core.spec import Count
from amulet.factors.factor import Factor, FactorOutcome
from amulet.factors.records import gradients_needed, outcome_of_search
from amulet.functional.gradients.input_curvature import input_curvatures
from amulet.functional.perturbations.pgd import Classifier


@final
@dataclass(frozen=True)
class LossCurvature(Factor):
    """The logarithm of the mean curvature of the loss at training records: less of it is a smoother loss surface.

    Of each record the eigenvalue with the largest magnitude of the Hessian of the cross-entropy with respect to the
    inputs, by power iteration. Means of different models differ by orders of magnitude, so that their logarithms are
    compared.

    Attributes:
        records: how many training records are drawn; all where there are fewer.
        iterations: of the power iteration.
    """

    low, high, code, grows = float("-inf"), float("inf"), "O1", False
    title = "Curvature of the loss, log10"
    meaning = (
        "Decimal logarithm of the mean curvature of the loss in the inputs, at training records; less is smoother."
    )
    needs_members = True

    records: Count = 1000
    iterations: Count = 10

    def sample(self) -> int:
        """The records that are drawn."""
        return self.records

    def model_demands(self, role: str, model: nn.Module, some: Data) -> Iterator[str]:
        """The outputs must have a gradient in the inputs."""
        del role
        yield from gradients_needed(str(self), model, some)

    def audit(self, model: nn.Module, members: Data, *, seed: int = 0) -> FactorOutcome:
        """The curvature at each record that is drawn.

        Args:
            model: maps inputs to logits.
            members: records that it was trained on, with their classes.
            seed: of the draw, and of the first vectors of the power iteration.

        Raises:
            InvalidData: these are no records.
            InvalidParameter: the model does not give one logit for each class.
        """
        rng = generator(seed, "curvature", device=str(device_of(model)))
        search = partial(_curvatures, iterations=self.iterations, rng=rng)
        return outcome_of_search(model, members, search, count=self.records, seed=seed, owner=str(self))

    def play(self, game: Game) -> FactorOutcome:
        """Audit the target on its training records."""
        return self.audit(game.target.model, game.members, seed=game.seed)

    def value(self, outcome: FactorOutcome) -> float | Undefined:
        """The decimal logarithm of the mean; undefined where that is 0."""
        mean = outcome.values.mean().item()
        return log10(mean) if mean > 0 else Undefined("the loss is linear in the inputs at all records")


def _curvatures(model: Classifier, records: Data, *, iterations: int, rng: Generator) -> Tensor:
    return input_curvatures(model, records.x, records.y, iterations=iterations, rng=rng)
