"""Train a copy on answers and explanations. Milli, Schmidt, Dragan and Hardt 2019, https://arxiv.org/abs/1807.05185."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from amulet.core.data import Data, Schema
from amulet.core.errors import InvalidParameter, Problem
from amulet.core.fitted import Fitted
from amulet.core.roles import Derivation
from amulet.core.spec import Content, Count, Positive
from amulet.core.threat import Access, Release, Target
from amulet.core.trainable import DataUse, Trainable
from amulet.derivations.extraction import Extraction
from amulet.functional.perturbations.pgd import Classifier
from amulet.training.recipe import Recipe
from amulet.training.stages import Penalize


@dataclass(frozen=True)
class ExtractionWithExplanations(Derivation):
    """A new model, trained to give the probabilities of the parent, and explanations like its own.

    To the loss of `Extraction` is added, for each record, the squared distance between the explanations of both models
    for the class that the parent predicts, over the mean square of the parent's. Of a parent that releases no
    explanations it is `Extraction`.

    Attributes:
        weight: of the distance, where 1 is what a copy with explanations of zero adds to each record's loss on average.
        queries: the largest number of records that the parent is asked about, drawn at random; None for all.
    """

    needs = Access.PROBABILITIES | Access.EXPLANATIONS
    needs_labels = False
    weight: Positive = 1.0
    queries: Count | None = None

    def build(self, schema: Schema, recipe: Trainable, parent: Callable[[Schema], nn.Module]) -> nn.Module:
        """The recipe's model."""
        return self._without.build(schema, recipe, parent)

    def derive(self, parent: Target, recipe: Trainable, data: Data, *, seed: int, device: str = "cpu") -> Fitted:
        """Ask the parent about the records, then train on its answers and their explanations.

        Raises:
            InvalidParameter: the recipe's training loop is not Amulet's, or there are fewer records than queries.
        """
        problems = [*self.recipe_problems(recipe), *self.data_problems(data.schema, len(data))]
        if problems:
            raise InvalidParameter(problems)
        release = parent.release(Access.EXPLANATIONS)
        if release is not None:
            asked = self._without.queried(data, seed).to(device).as_inputs()
            answers = parent.predictions(asked), parent.answers(Access.EXPLANATIONS, asked)
            given = Explained(asked.index, asked.x, *answers)
            recipe = recipe.with_stage(MatchExplanations(release, given, self.weight))
        return self._without.derive(parent, recipe, data, seed=seed, device=device)

    def data_problems(self, schema: Schema, records: int) -> Iterator[Problem]:
        """There must be records to ask about, at least as many as queries."""
        return self._without.data_problems(schema, records)

    def recipe_problems(self, recipe: Trainable) -> Iterator[Problem]:
        """Probabilities and explanations can be learned by Amulet's own loop alone."""
        if not isinstance(recipe, Recipe):
            yield Problem.of("recipe", str(self), "a Recipe, which can learn probabilities and explanations", recipe)

    @property
    def _without(self) -> Extraction:
        """The same without explanations."""
        return Extraction("probabilities", self.queries)


@dataclass(frozen=True, eq=False)
class Explained(Content):
    """Records that a model was asked about.

    Attributes:
        index: (n,) their identities, all different.
        x: (n, *shape) model inputs.
        classes: (n,) that the model predicts.
        explanations: (n, *shape).
    """

    index: Tensor
    x: Tensor
    classes: Tensor
    explanations: Tensor

    @cached_property
    def digest(self) -> str:
        """Of all tensors."""
        digest = hashlib.sha256()
        for tensor in (self.index, self.x, self.classes, self.explanations):
            digest.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.cpu().contiguous().view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()

    @cached_property
    def mean_square(self) -> Tensor:
        """() the mean squared norm of the explanations; 1 if all are zero."""
        found = _squares(self.explanations).mean()
        return torch.where(found > 0, found, torch.ones_like(found))

    def __str__(self) -> str:
        """How many there are."""
        return f"{len(self.classes):,} records"

    def places(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Of (m,) identities the places among the records, and (m,) bool whether they are there; any place if not."""
        identities, order = self.index.sort()
        found = torch.searchsorted(identities, index).clamp_max(len(order) - 1)
        return order[found], identities[found] == index


@dataclass(frozen=True)
class MatchExplanations(Penalize):
    """Adds the distance of a model's explanations from given ones.

    It is taken at the records as they were asked about, whatever an augmentation makes of them in training.

    Attributes:
        release: how explanations are computed.
        given: the records with the explanations to come close to.
        weight: of the distance.
    """

    data_use = DataUse.RECORD
    release: Release
    given: Explained
    weight: Positive = 1.0

    def penalize(self, model: Classifier, logits: Tensor, batch: Data) -> Tensor:
        """(n,) the distances times the weight; 0 for records without an explanation."""
        places, known = self.given.places(batch.index)
        x, classes, explanations = (
            each[places] for each in (self.given.x, self.given.classes, self.given.explanations)
        )
        distances = _squares(self.release.of(model, x, classes) - explanations)
        return self.weight * (known * distances / self.given.mean_square).to(logits.dtype)


def _squares(explanations: Tensor) -> Tensor:
    """(n,) squared Euclidean norms."""
    return explanations.flatten(1).square().sum(1)
