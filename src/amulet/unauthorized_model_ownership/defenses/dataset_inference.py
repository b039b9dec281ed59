"""Claims by the owner's training records. Maini et al. 2021, https://arxiv.org/abs/2104.10706, section 5."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from math import prod
from typing import Annotated, Final, Literal, Self

import torch
from annotated_types import Interval
from torch import Generator, Tensor

from amulet.core.classifier import few, gradient_problem
from amulet.core.data import Data
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidParameter, Problem
from amulet.core.metric import Undefined
from amulet.core.seeds import generator
from amulet.core.spec import Count, Positive
from amulet.core.split import Split
from amulet.core.threat import Access, Target, opened
from amulet.core.trainable import PostHoc
from amulet.functional.confidence_regressor import confidence_regressor
from amulet.functional.perturbations.blind_walk import NOISES, blind_walk, random_directions
from amulet.functional.perturbations.minimum_distance import minimum_distances
from amulet.statistics.welch import welch_greater
from amulet.unauthorized_model_ownership.claims import Claim, Owner, Test

MOST_NOISE: Final = 2**24
"""The most random numbers that are drawn at one time. It bounds memory."""

FEWEST: Final = 4
Records = Annotated[int, Interval(ge=FEWEST, le=10**9)]
Classes = Annotated[int, Interval(ge=2, le=10**9)]


@dataclass(frozen=True)
class DatasetInference(Claim, PostHoc):
    """The claim that a suspect predicts the owner's training records more firmly than other records.

    How firmly is measured by the distance from a record to the decision boundary: with the suspect's weights by
    gradient descent towards several classes, from its labels alone by steps in random directions.

    Attributes:
        records: how many of the owner's training records are drawn, and as many of its held-out records. A regressor
            is trained on one half of each, on features of the owner's model; suspects are tested on the other.
        walk: "gradient" for minimum distances in the L1, L2 and L-infinity norm, "blind" for numbers of random steps.
        steps: the largest number of steps in each direction.
        classes: of the gradient walk, towards how many classes each record is moved: its own, and those others that the
            model holds most probable; all if it has fewer.
        directions: of the blind walk, the number of random directions of each kind of noise.
        reach: of the blind walk, the standard deviation of the noise at its last step, as a multiple of the standard
            deviation of the owner's inputs.
    """

    risk = "unauthorized_model_ownership"
    claims = True
    family = "fingerprinting"
    packages = ("scipy",)
    records: Records = 500
    walk: Literal["gradient", "blind"] = "gradient"
    steps: Count = 20
    classes: Classes = 2
    directions: Count = 10
    reach: Positive = 1.0

    @classmethod
    def for_data(cls, dataset: AmuletDataset, split: Split) -> tuple[Self, ...]:
        """With as many records as the owner holds out, 500 at most."""
        division = split.divide(len(dataset.train))
        held = min(len(division.members), len(division.validation), cls.records)
        return (cls(records=held) if held >= FEWEST else cls(),)

    def problems(self) -> Iterator[Problem]:
        """Each walk has settings of its own. The access follows from the walk."""
        object.__setattr__(self, "needs", Access.WEIGHTS if self.walk == "gradient" else Access.LABELS)
        unused = ("directions", "reach") if self.walk == "gradient" else ("classes",)
        for field in fields(self):
            if field.name in unused and getattr(self, field.name) != field.default:
                yield self.problem(
                    field.name, f"left at {field.default:g} with walk: {self.walk}, which does not use it"
                )

    def data_demands(self, dataset: AmuletDataset, split: Split) -> Iterator[str]:
        """Enough members and validation records."""
        division = split.divide(len(dataset.train))
        yield from self._lacking(len(division.members), len(division.validation))

    def test(self, owner: Owner) -> Test | Undefined:
        """Train the regressor on the owner's model.

        Raises:
            InvalidParameter: a suspect, or the owner's model, lacks the input gradients that distances need, or the
                owner's model does not take the owner's records.
        """
        lacking = " ".join(self._lacking(len(owner.records), len(owner.held_out)))
        if lacking:
            return Undefined(lacking.rstrip("."))
        halves = [
            self._halves(data, generator(owner.seed, "dataset inference", name))
            for name, data in (("held in", owner.records), ("held out", owner.held_out))
        ]
        known, asked = zip(*halves, strict=True)
        features = self._features(owner)
        with opened(owner.model.model, self.needs, owner.records) as own:
            held_in, held_out = (features(own, part) for part in known)
        score = confidence_regressor(held_in, held_out)

        def p_value(suspect: Target) -> float:
            scores = (score(features(suspect, part)).tolist() for part in asked)
            return welch_greater(*scores)

        return p_value

    def _lacking(self, records: int, held_out: int) -> Iterator[str]:
        for name, count in (("training records of the owner", records), ("held-out (validation) records", held_out)):
            if count < self.records:
                yield f"{self} draws {self.records} {name}, and there are {count}; choose smaller 'records'."

    def _halves(self, data: Data, rng: Generator) -> tuple[Data, Data]:
        """Random records for the regressor, and others for the tests."""
        order = torch.randperm(len(data), generator=rng)
        first, second = order[: self.records].to(data.y.device).tensor_split(2)
        return data[first].as_inputs(), data[second].as_inputs()

    def _features(self, owner: Owner) -> Callable[[Target, Data], Tensor]:
        """The features of records, a row each."""
        if self.walk == "gradient":
            return self._distances
        spread = self.reach * owner.records.as_inputs().x.std().item() / self.steps
        return lambda target, data: self._walks(target, data, spread, owner.seed)

    def _distances(self, target: Target, data: Data) -> Tensor:
        """(n, 3 * k) square roots of the distances to the record's own class and, in ascending order, to others."""
        lacking = gradient_problem(target.model, few(data))
        if lacking is not None:
            needed = f"{self} needs the gradient of the outputs with respect to the inputs, and that of"
            remedy = "Choose walk: blind, which needs labels alone."
            raise InvalidParameter(
                [Problem("model", f"{needed} {type(target.model).__name__} is of no use: {lacking}. {remedy}")]
            )
        found = torch.cat([self._distances_of_batch(target, batch) for batch in data.batches()])
        return torch.cat([found[..., :1], found[..., 1:].sort(2).values], 2).flatten(1).sqrt()

    def _distances_of_batch(self, target: Target, batch: Data) -> Tensor:
        bounds = (batch.schema.low, batch.schema.high)
        others = target.logits(batch).scatter(1, batch.y[:, None], -torch.inf)
        count = min(self.classes, others.shape[1]) - 1
        aims = torch.cat([batch.y[:, None], others.topk(count).indices], 1)
        found = batch.x.new_zeros(len(batch), 3, count + 1)
        for places, model in target.classifiers(batch):
            found[places] = minimum_distances(model, batch.x[places], aims[places], bounds, steps=self.steps)
        return found

    def _walks(self, target: Target, data: Data, spread: float, seed: int) -> Tensor:
        """(n, 3 * k) square roots of the numbers of steps, in ascending order for each kind of noise.

        All suspects are walked in the same directions.
        """
        bounds, rng = (data.schema.low, data.schema.high), generator(seed, "blind walk", device=str(data.x.device))
        size = max(1, MOST_NOISE // (len(NOISES) * self.directions * prod(data.schema.shape)))
        taken = []
        for places in torch.arange(len(data), device=data.y.device).split(size):
            part = data.at(places)

            def label(moved: Tensor, which: Tensor, part: Data = part) -> Tensor:
                return target.predictions(replace(part.at(which), x=moved))

            noise = spread * random_directions(part.x, self.directions, rng)
            taken.append(blind_walk(label, part.x, part.y, noise, bounds, steps=self.steps))
        return torch.cat(taken).sort(2).values.flatten(1).sqrt()
