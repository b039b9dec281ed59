"""Train a model on another one's softened probabilities. Hinton et al. 2015, https://arxiv.org/abs/1503.02531."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from amulet.core.data import Data, Schema
from amulet.core.errors import InvalidParameter, Problem
from amulet.core.fitted import Fitted
from amulet.core.model import ModelSpec
from amulet.core.roles import Derivation
from amulet.core.spec import Positive
from amulet.core.threat import Access, Target
from amulet.core.trainable import Trainable
from amulet.training.objectives import Objective
from amulet.training.recipe import Recipe


@dataclass(frozen=True)
class Distillation(Derivation):
    """A new model, trained to give the same probabilities as the parent at a raised temperature (section 2).

    The labels of the records are not used. The recipe must be a `Recipe`, whose objective is replaced.

    Attributes:
        temperature: the divisor of the logits of both models in training.
        model: the architecture of the new model; that of the recipe if None.
    """

    needs = Access.LOGITS
    needs_labels = False
    temperature: Positive = 4.0
    model: ModelSpec | None = None

    def build(self, schema: Schema, recipe: Trainable, parent: Callable[[Schema], nn.Module]) -> nn.Module:
        """Of the stated architecture, or the recipe's."""
        del parent
        return self._student(recipe).build(schema)

    def derive(self, parent: Target, recipe: Trainable, data: Data, *, seed: int, device: str = "cpu") -> Fitted:
        """Ask the parent about the records, then train on its softened probabilities.

        Raises:
            InvalidParameter: the recipe's training loop is not Amulet's.
        """
        problems = tuple(self.recipe_problems(recipe))
        if problems:
            raise InvalidParameter(problems)
        asked = data.to(device)
        targets = (parent.logits(asked) / self.temperature).softmax(1).to(asked.y.device)
        answered = replace(asked, y=targets.argmax(1), targets=targets, weight=None)
        return self._student(recipe).fit(answered, seed=seed, device=device)

    def data_problems(self, schema: Schema, records: int) -> Iterator[Problem]:
        """There must be records to ask about."""
        del schema
        if records == 0:
            yield Problem("records", f"{self} needs at least one record to ask the model about. Got none.")

    def recipe_problems(self, recipe: Trainable) -> Iterator[Problem]:
        """Probabilities can be learned by Amulet's own loop alone."""
        if not isinstance(recipe, Recipe):
            yield Problem.of("recipe", str(self), "a Recipe, which can learn probabilities", recipe)

    def _student(self, recipe: Trainable) -> Trainable:
        if not isinstance(recipe, Recipe):
            return recipe
        return replace(recipe, objective=SoftenedCrossEntropy(self.temperature), model=self.model or recipe.model)


@dataclass(frozen=True)
class SoftenedCrossEntropy(Objective):
    """Cross-entropy of the targets with the probabilities at a temperature, times its square.

    The square keeps the gradients' size (section 2.1).
    """

    takes_targets = True
    temperature: Positive = 4.0

    def losses(self, logits: Tensor, batch: Data) -> Tensor:
        """(n,) losses in nats times the squared temperature."""
        return self.temperature**2 * cross_entropy(
            logits / self.temperature, batch.learned.to(logits.dtype) if batch.targets is not None else batch.y,
            reduction="none",
        )  # fmt: skip
