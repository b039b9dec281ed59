"""P4, distribution inference: the outcome, and the base class of attacks that infer a property of the training data."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal, final

import torch
from annotated_types import Interval
from torch import Tensor, nn

from amulet.core.data import Data, Schema, concatenate
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import Problem
from amulet.core.outcome import Outcome
from amulet.core.probe import Attack, Game
from amulet.core.roles import ModelRequest, Requests, Whose, recipe_of_attacker
from amulet.core.seeds import generator
from amulet.core.short_repr import short_repr
from amulet.core.spec import NonNegativeInt, OpenProbability, Probability
from amulet.core.split import RatioDraw, Split, places_with_share
from amulet.core.threat import Target, TrainedModel, opened
from amulet.core.trainable import Defense

Holder = Literal["members", "auxiliary"]
Victims = Annotated[int, Interval(ge=2, le=10_000)]

FIRST, SECOND, NULL = "first", "second", "null"
"""The worlds: two ratios, and the first ratio once more, in which there is nothing to infer."""

FEW_VICTIMS: Final = 5
"""With fewer victims of each world, a plan says that results are coarse."""

WORLDS: Final = (FIRST, SECOND, NULL)


@final
@dataclass(frozen=True, eq=False)
class WorldOutcome(Outcome):
    """The adversary's judgement of each victim model, and the world that the model comes from.

    Attributes:
        scores: (n,) float64, positive where the model is judged to come from the second world of its pair.
        second: (n,) bool, whether it does.
        null: (n,) bool, whether the model was judged in the pair of worlds with equal ratios, where no attack can do
            better than chance.

    Example:
        >>> from amulet.distribution_inference.metrics import auc
        >>> scores, second = torch.tensor([-0.2, 0.1, 0.0, 0.3]), torch.tensor([False, False, True, True])
        >>> auc(WorldOutcome(scores, second, null=torch.zeros(4, dtype=torch.bool)))
        0.75
    """

    unit = "model"
    truth = ("second", "null")
    optional = ()
    scores: Tensor
    second: Tensor
    null: Tensor

    def check(self) -> None:
        """Scores must not be NaN."""
        if torch.isnan(self.scores).any():
            raise ValueError("Scores of models must not be NaN.")

    def strata(self) -> Tensor:
        """The world and the pair, since the game fixes the number of models of each."""
        return self.second.long() + 2 * self.null.long()

    def pair(self, *, null: bool) -> tuple[Tensor, Tensor]:
        """(k,) scores and (k,) worlds of the models in the pair of different ratios, or in that of equal ones."""
        which = self.null == null
        return self.scores[which], self.second[which]


@dataclass(frozen=True, eq=False)
class Worlds:
    """What the adversary holds to tell two worlds apart.

    Attributes:
        first: its models trained on records of the first world.
        second: its models trained on records of the second world.
        queries: its records of both worlds, one half of each.
        seed: of the random choices of the attack.
    """

    first: Sequence[TrainedModel]
    second: Sequence[TrainedModel]
    queries: Data
    seed: int

    __repr__ = short_repr

    @property
    def halves(self) -> tuple[slice, slice]:
        """The places of the queries of either world."""
        half = len(self.queries) // 2
        return slice(0, half), slice(half, None)


Judge = Callable[[Target], float]
"""Judges one model alone: positive where it seems to come from the second world."""


@dataclass(frozen=True)
class DistributionInferenceAttack(Attack[WorldOutcome]):
    """Base class of distribution inference attacks; a subclass writes `judge`.

    Two worlds differ in the share of the training records that have a value of a sensitive attribute. Victim models of
    both worlds are trained with the row's recipe on the target's records, each on a draw of its own, and the
    adversary's models on its own records. Were all models of a world trained on the same draw, the adversary would
    recognise the draw instead of the share. The adversary judges each victim by itself.

    A third world has the ratio of the first. The same attack on the pair of these two shows what it finds where there
    is nothing.

    Attributes:
        attribute: the name of the sensitive attribute.
        value: the value whose share is inferred, by its code or its name.
        ratios: the share of records with the value in the first and in the second world.
        size: the number of training records of each model, as a share of the holder's records.
        victims: the number of victim models of each world.
        shadows: the number of the adversary's models of each world.
        defense_known: whether the adversary knows the target's defenses and trains its models with them.
    """

    risk = "distribution_inference"
    outcome_type = WorldOutcome
    attribute: str = "sex"
    value: NonNegativeInt | str = 1
    ratios: tuple[Probability, Probability] = (0.1, 0.9)
    size: OpenProbability = 0.25
    victims: Victims = 8
    shadows: Victims = 8
    defense_known: bool = True

    def problems(self) -> Iterator[Problem]:
        """The ratios differ; equal ones are part of every game."""
        if self.ratios[0] == self.ratios[1]:
            yield self.problem("ratios", "two different shares; worlds of equal shares are part of every game")

    @abstractmethod
    def judge(self, worlds: Worlds) -> Judge:
        """Prepare to judge models, from the adversary's own models and records; to be written by a subclass.

        Args:
            worlds: what the adversary holds.

        Returns:
            A function of one target, positive where it seems to come from the second world, and the more so the surer.
        """

    def __str__(self) -> str:
        """The class with the attribute and the ratios, even by default, and all settings that are not default."""
        return type(self).__name__ + self.settings(self.changed("attribute", "ratios"))

    @final
    def demands(self, schema: Schema) -> Iterator[str]:
        """The data set must have the attribute."""
        if self.attribute not in schema.attribute_names:
            held = ", ".join(schema.attribute_names) or "none"
            yield f"{self} needs the sensitive attribute '{self.attribute}'; the data set has: {held}."

    @final
    def data_demands(self, dataset: AmuletDataset, split: Split) -> Iterator[str]:
        """Members and auxiliary records suffice for the draws of both worlds, and these differ."""
        schema = dataset.schema
        if self.attribute not in schema.attribute_names or schema.attribute(self.attribute).code(self.value) is None:
            return  # which `demands` and the draws tell
        has, division = dataset.train.has(self.attribute, self.value).cpu(), split.divide(len(dataset.train))
        holders = {"members": has[division.members], "auxiliary records": has[division.auxiliary]}
        lacking = next(filter(None, (self._lacking(*each, self.size) for each in holders.items())), None)
        if lacking is not None:
            sizes = (place / 1000 for place in range(999, 0, -1))
            possible = (size for size in sizes if not any(self._lacking(*each, size) for each in holders.items()))
            largest = next(possible, None)
            way_out = "no 'size' is possible" if largest is None else f"the largest possible 'size' is {largest:g}"
            yield f"{self} {lacking}. With these ratios {way_out}."

    def _lacking(self, holder: str, has: Tensor, size: float) -> str | None:
        """Why the draws of the two worlds cannot be made of a holder's records with models of this size, if so.

        Args:
            holder: the name of the records.
            has: (n,) bool, whether each of them has the value.
            size: the number of records of a draw, as a share of n.
        """
        count, there = round(size * len(has)), int(has.sum())
        having = [round(ratio * count) for ratio in self.ratios]
        if count == 0:
            return f"draws none of {len(has)} {holder} for each model"
        if having[0] == having[1]:
            return (
                f"draws {count} of {len(has)} {holder} for each model, of which {having[0]} would have the value in "
                "either world"
            )
        most, most_others = max(having), count - min(having)
        for found, needed, which in ((there, most, ""), (len(has) - there, most_others, "another value than ")):
            if found < needed:
                return f"needs {needed} {holder} with {which}{self.attribute}={self.value}, and there are {found}"
        return None

    def notices(self, defenses: Sequence[Defense]) -> Iterator[str]:
        """With few victims the area under the curve has few values."""
        del defenses
        if self.victims < FEW_VICTIMS:
            yield (
                f"{self} judges {self.victims} victims of each world, so its AUC is a multiple of "
                f"1/{2 * self.victims**2}. Rows can then have equal values by chance in all seeds, which looks like no "
                "change."
            )

    @final
    def own_models(self, split: Split) -> Requests:
        """The adversary's models of the three worlds."""
        whose = recipe_of_attacker(self.defense_known)
        return {_own(world): self._requests(split, world, "auxiliary", whose) for world in WORLDS}

    @final
    def models(self, split: Split) -> Requests:
        """Victims and the adversary's models of the three worlds; the target itself plays no part."""
        victims = {_victims(world): self._requests(split, world, "members", Whose.ROW) for world in WORLDS}
        return {**victims, **self.own_models(split)}

    @final
    def play(self, game: Game) -> WorldOutcome:
        """Judge the victims of the pair of different ratios, then those of the pair of equal ones."""
        found = [self._judged(game, other) for other in (SECOND, NULL)]
        scores, second = (torch.cat(parts) for parts in zip(*found, strict=True))
        null = torch.arange(len(scores)) >= len(found[0][0])
        return WorldOutcome(scores, second, null)

    def _judged(self, game: Game, other: str) -> tuple[Tensor, Tensor]:
        """(2k,) scores of the victims of the first and another world, and whether they are of the other."""
        own = [game.models[_own(world)] for world in (FIRST, other)]
        worlds = Worlds(own[0], own[1], self._queries(game, other), game.seed)
        judge = self.judge(worlds)
        scores = [
            self._score(judge, victim.model, worlds.queries)
            for world in (FIRST, other)
            for victim in game.models[_victims(world)]
        ]
        count = len(game.models[_victims(FIRST)])
        return torch.tensor(scores, dtype=torch.float64), torch.arange(len(scores)) >= count

    def _score(self, judge: Judge, model: nn.Module, queries: Data) -> float:
        with opened(model, self.needs, queries) as target:
            return judge(target)

    def _queries(self, game: Game, other: str) -> Data:
        """The adversary's records of both worlds, as many as each of its models is trained on."""
        records = game.auxiliary
        has = records.has(self.attribute, self.value).cpu()
        count = round(self.size * len(records))
        places_of_worlds = [
            places_with_share(has, count, self._ratio(world), generator(game.seed, "queries", world))
            for world in (FIRST, other)
        ]
        return concatenate(*(records.at(places.to(records.y.device)) for places in places_of_worlds))

    def _requests(self, split: Split, world: str, holder: Holder, whose: Whose) -> tuple[ModelRequest, ...]:
        """One model for each draw. No two models of a game have the same draw or the same seed."""
        count = self.victims if holder == "members" else self.shadows
        draws = (self._draw(split, world, holder, place) for place in range(count))
        return tuple(ModelRequest(draw, whose, 2 * draw.number + (holder == "auxiliary")) for draw in draws)

    def _draw(self, split: Split, world: str, holder: Holder, place: int) -> RatioDraw:
        """The records of one model. The worlds of equal ratios differ in the numbers of their draws."""
        number = len(WORLDS) * place + WORLDS.index(world)
        return RatioDraw(split, holder, self.attribute, self.value, self._ratio(world), self.size, number)

    def _ratio(self, world: str) -> float:
        return self.ratios[1] if world == SECOND else self.ratios[0]


def _victims(world: str) -> str:
    """The role of the victim models of a world."""
    return f"victim, {world} world"


def _own(world: str) -> str:
    """The role of the adversary's models of a world."""
    return f"shadow, {world} world"
