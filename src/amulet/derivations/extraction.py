"""Train a copy on a model's answers. Tramer et al. 2016, https://arxiv.org/abs/1609.02943, section 4 (retraining)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from amulet.core.data import Data, Schema
from amulet.core.errors import InvalidParameter, Problem
from amulet.core.fitted import Fitted
from amulet.core.roles import Derivation
from amulet.core.seeds import generator
from amulet.core.spec import Count
from amulet.core.threat import Access, Target
from amulet.core.trainable import Trainable
from amulet.training.objectives import CrossEntropy, Objective
from amulet.training.recipe import Recipe

Answers = Literal["labels", "probabilities", "logits"]
"""The outputs of a model that a copy of it learns."""


@dataclass(frozen=True)
class Extraction(Derivation):
    """A new model, trained on its maker's records with the answers of the parent in place of their labels.

    The labels of the records are not used. The objective of the recipe is replaced by one that reproduces the answers:
    cross-entropy for labels and probabilities, the squared error for logits (Ba and Caruana 2014,
    https://arxiv.org/abs/1312.6184, eq. 1).

    Attributes:
        answers: what the parent is asked for: "labels", "probabilities" or "logits".
        queries: the largest number of records that the parent is asked about, drawn at random; None for all.
    """

    needs_labels = False
    answers: Answers = "probabilities"
    queries: Count | None = None

    def problems(self) -> Iterator[Problem]:
        """The access follows from the answers; there are no problems."""
        object.__setattr__(self, "needs", _ACCESS[self.answers])
        yield from ()

    def build(self, schema: Schema, recipe: Trainable, parent: Callable[[Schema], nn.Module]) -> nn.Module:
        """The recipe's model."""
        del parent
        return recipe.build(schema)

    def derive(self, parent: Target, recipe: Trainable, data: Data, *, seed: int, device: str = "cpu") -> Fitted:
        """Ask the parent about the records, then train on its answers.

        Raises:
            InvalidParameter: the recipe can only learn labels, or there are fewer records than queries.
        """
        problems = [*self.recipe_problems(recipe), *self.data_problems(data.schema, len(data))]
        if problems:
            raise InvalidParameter(problems)
        answered = self._answered(parent, self.queried(data, seed).to(device))
        return self._learning(recipe).fit(answered, seed=seed, device=device)

    def data_problems(self, schema: Schema, records: int) -> Iterator[Problem]:
        """There must be records to ask about, at least as many as queries."""
        del schema
        if records == 0:
            yield Problem("records", f"{self} needs at least one record to ask the model about. Got none.")
        elif self.queries is not None and self.queries > records:
            yield self.problem("queries", f"at most {records}, the number of the attacker's records")

    def recipe_problems(self, recipe: Trainable) -> Iterator[Problem]:
        """Probabilities and logits can be learned by Amulet's own loop alone."""
        if self.answers != "labels" and not isinstance(recipe, Recipe):
            yield self.problem("answers", f"'labels' with a training function such as {recipe}, which learns classes")

    def queried(self, data: Data, seed: int) -> Data:
        """The records that the parent is asked about."""
        if self.queries is None:
            return data
        order = torch.randperm(len(data), generator=generator(seed, "queries"))
        return data[order[: self.queries].sort().values.to(data.y.device)]

    def _answered(self, parent: Target, data: Data) -> Data:
        if self.answers == "labels":
            return replace(data, y=parent.predictions(data).to(data.y.device), targets=None, weight=None)
        outputs = parent.probabilities(data) if self.answers == "probabilities" else parent.logits(data)
        # Logits are known up to a constant from log-probabilities, which float64 keeps apart as far as 700.
        targets = outputs.double() if self.answers == "probabilities" else outputs.double().softmax(1)
        return replace(data, y=outputs.argmax(1).to(data.y.device), targets=targets.to(data.y.device), weight=None)

    def _learning(self, recipe: Trainable) -> Trainable:
        if not isinstance(recipe, Recipe):
            return recipe
        return replace(recipe, objective=SquaredLogitError() if self.answers == "logits" else CrossEntropy())


_ACCESS = {"labels": Access.LABELS, "probabilities": Access.PROBABILITIES, "logits": Access.LOGITS}


@dataclass(frozen=True)
class SquaredLogitError(Objective):
    """Half the squared distance between the logits of two models, each less its mean, which no prediction depends on.

    The other model's logits are the logarithms of the targets.
    """

    takes_targets = True

    def losses(self, logits: Tensor, batch: Data) -> Tensor:
        """(n,) losses; the batch must have targets."""
        assert batch.targets is not None  # noqa: S101 - an extraction always sets them
        targets = batch.targets.clamp_min(torch.finfo(batch.targets.dtype).tiny).log()
        difference = logits - targets.to(logits.dtype)
        return (difference - difference.mean(1, keepdim=True)).square().sum(1) / 2
