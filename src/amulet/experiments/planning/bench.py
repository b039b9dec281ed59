"""From the models that a probe asks for to the tasks that give them. The only place that knows rows and recipes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from amulet.core.dataset import AmuletDataset
from amulet.core.dataset_spec import DatasetSpec
from amulet.core.errors import Problem
from amulet.core.probe import Probe, TamperingAttack
from amulet.core.roles import Derivation, ModelRequest, Whose
from amulet.core.split import Draw, Split
from amulet.core.trainable import Trainable
from amulet.experiments.graph.plays import Play, Role
from amulet.experiments.graph.tasks import Backend, Derive, ModelTask, Score, Source, Train
from amulet.training.population import own_seed
from amulet.training.removal import Removal


@dataclass(frozen=True)
class Bench:
    """What all games of one row and one seed share.

    Attributes:
        recipe: of the row, with its defenses.
        plain: the recipe without any defense.
        source: the data set under assessment.
        split: who holds which of its records.
        backend: where models are trained.
        attacked: the attack on the row's training records, if it has one.
        others: further data sets that probes ask for.
    """

    recipe: Trainable
    plain: Trainable
    source: Source
    split: Split
    backend: Backend
    attacked: TamperingAttack[Any] | None = None
    others: Mapping[DatasetSpec, Source] = field(default_factory=dict)

    def play(self, probe: Probe[Any]) -> Play:
        """The game of a probe, with the models that it asks for."""
        cast = tuple(
            Role(name, tuple(self.model(request) for request in requests))
            for name, requests in probe.models(self.split).items()
        )
        return Play(probe, cast, self.source, self.split, self.backend)

    def model(self, request: ModelRequest) -> ModelTask:
        """The task that gives one requested model."""
        recipe, draw = self.recipe_of(request), self._draw(request)
        seed = self.split.seed if request.number is None else own_seed(self.split.seed, request.number)
        source = self.source if request.source is None else self.others[request.source]
        if request.derivation is None or request.parent is None:
            return self._train(recipe, source, draw, seed)
        parent = self.model(request.parent)
        return Derive(recipe, source, draw, seed, self.backend, method=request.derivation, parent=parent)

    def recipe_of(self, request: ModelRequest) -> Trainable:
        """The recipe that a model is trained with."""
        if isinstance(request.recipe, Trainable):
            return request.recipe
        return self.plain if request.recipe is Whose.PLAIN else self.recipe

    def request_problems(self, request: ModelRequest, dataset: AmuletDataset) -> Iterator[Problem]:
        """Why a model cannot be had of its records, if so; the recipe of the row itself is checked elsewhere."""
        problems = tuple(request.draw.data_problems(dataset.train))
        yield from problems
        if problems:
            return
        if isinstance(request.recipe, Trainable):
            yield from request.recipe.record_problems(dataset.train)
        own = [each for each in (request.recipe, request.derivation) if isinstance(each, Trainable | Derivation)]
        for each in own:
            problems = tuple(each.data_problems(dataset.schema, len(request.draw.choose(dataset.train))))
            yield from problems
            if isinstance(each, Trainable) and not problems:
                yield from each.trial_problems(dataset.schema)

    def _draw(self, request: ModelRequest) -> Draw:
        """The row's attack tampers with the records of every model that is trained with the row's recipe."""
        attack = self.attacked
        return request.draw if attack is None or request.recipe is not Whose.ROW else attack.tampered(request.draw)

    def _train(self, recipe: Trainable, source: Source, draw: Draw, seed: int) -> Train:
        """With a task for the scores of every stage that removes records, so that every percent removed shares them."""
        scores = tuple(
            Score(stage.scorer, self._train(recipe.with_preparations(place), source, draw, seed))
            for place, stage in enumerate(recipe.preparations)
            if isinstance(stage, Removal)
        )
        return Train(recipe, source, draw, seed, self.backend, scores)
