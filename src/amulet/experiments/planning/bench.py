"""Turns the models that a probe asks for into tasks. No other module combines rows, recipes and seeds."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from amulet.core.dataset import AmuletDataset
from amulet.core.dataset_spec import DatasetSpec
from amulet.core.errors import Problem
from amulet.core.probe import Attack, Probe, TamperingAttack
from amulet.core.roles import TARGET, ModelRequest, Whose
from amulet.core.split import Draw, Split
from amulet.core.threat import Access, Release
from amulet.core.trainable import Trainable
from amulet.experiments.graph.plays import Play, Role
from amulet.experiments.graph.tasks import Backend, Derive, ModelTask, Released, Score, Seen, Source, Train
from amulet.experiments.planning.recipe_checks import trainable_problems
from amulet.training.population import own_seed
from amulet.training.removal import Removal


@dataclass(frozen=True)
class Bench:
    """What all attacks and audits of one row and one seed have in common.

    Attributes:
        recipe: the recipe of the row, with its defenses.
        plain: the recipe without any defense.
        source: the data set under assessment.
        split: who holds which records of the data set.
        backend: the device and torch version that train the models.
        attacked: the attack on the row's training records, if there is one.
        others: further data sets that probes ask for.
        releases: what the defenses of the row release beside the predictions of its model.
    """

    recipe: Trainable
    plain: Trainable
    source: Source
    split: Split
    backend: Backend
    attacked: TamperingAttack[Any] | None = None
    others: Mapping[DatasetSpec, Source] = field(default_factory=dict)
    releases: tuple[Release, ...] = ()

    def play(self, probe: Probe[Any]) -> Play:
        """The task that runs a probe with the models that it asks for.

        An attack that sees nothing of a row, since it reads only what no defense of the row releases, is run on the
        undefended model in its place: it can but guess, of one model as of another.
        """
        access = probe.needs if isinstance(probe, Attack) else Access(0)
        sees_nothing = access.of_releases_alone and not self._released_to(access)
        bench = replace(self, recipe=self.plain, attacked=None) if sees_nothing else self
        cast = []
        for name, requests in probe.models(self.split).items():
            models = tuple(bench.model(request) for request in requests)
            cast.append(Role(name, tuple(bench.seen(each, access) for each in models) if name == TARGET else models))
        return Play(probe, tuple(cast), self.source, self.split, self.backend)

    def model(self, request: ModelRequest) -> ModelTask:
        """The task that trains or derives one requested model."""
        recipe, draw = self.recipe_of(request), self._draw(request)
        seed = self.split.seed if request.number is None else own_seed(self.split.seed, request.number)
        source = self.source if request.source is None else self.others[request.source]
        if request.derivation is None or request.parent is None:
            return self._train(recipe, source, draw, seed)
        parent = self.seen(self.model(request.parent), request.derivation.needs)
        return Derive(recipe, source, draw, seed, self.backend, method=request.derivation, parent=parent)

    def seen(self, model: ModelTask, access: Access) -> Seen:
        """The row's model as somebody with this access sees it: the model alone, unless it reads what is released."""
        releases = self._released_to(access)
        return Released(model, releases) if releases else model

    def _released_to(self, access: Access) -> tuple[Release, ...]:
        return tuple(each for each in self.releases if access.includes(each.kind))

    def recipe_of(self, request: ModelRequest) -> Trainable:
        """The recipe that a requested model is trained with."""
        if isinstance(request.recipe, Trainable):
            return request.recipe
        return self.plain if request.recipe is Whose.PLAIN else self.recipe

    def request_problems(self, request: ModelRequest, dataset: AmuletDataset) -> Iterator[Problem]:
        """The reasons why a requested model cannot be trained; the row's own recipe is checked elsewhere."""
        problems = tuple(request.draw.data_problems(dataset.train))
        yield from problems
        if problems:
            return
        if isinstance(request.recipe, Trainable) and request.derivation is None:
            yield from request.recipe.record_problems(dataset.train)
        if request.derivation is not None:
            yield from request.derivation.recipe_problems(self.recipe_of(request))
        records = request.draw.count(dataset.train)
        if isinstance(request.recipe, Trainable):
            yield from trainable_problems(request.recipe, dataset.schema, records)
        if request.derivation is not None:
            yield from request.derivation.data_problems(dataset.schema, records)

    def _draw(self, request: ModelRequest) -> Draw:
        """The training records of a requested model.

        With the row's recipe, the row's attack has tampered with them too; only once if it is the one that is measured.
        """
        draw, attack = request.draw, self.attacked
        if attack is None or request.recipe is not Whose.ROW or draw.tampering == attack:
            return draw
        return attack.tampered(draw)

    def _train(self, recipe: Trainable, source: Source, draw: Draw, seed: int) -> Train:
        """The task that trains a model.

        The scores for each stage that removes records are tasks of their own, so that rows that remove different shares
        of the records use the same scores.
        """
        scores = tuple(
            Score(stage.scorer, self._train(recipe.with_preparations(place), source, draw, seed))
            for place, stage in enumerate(recipe.preparations)
            if isinstance(stage, Removal)
        )
        return Train(recipe, source, draw, seed, self.backend, scores)
