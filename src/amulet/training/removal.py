"""Removing training records by a score that a model trained on them gives.

The reference model is the same recipe without any preparation of its data. An assessment trains it as a task of its
own, so that it is shared with the row without the defense, and scores are computed once for every percent removed.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, final

import torch
from annotated_types import Interval
from torch import Generator, Tensor, nn

from amulet.core.data import Data, Schema
from amulet.core.errors import Problem
from amulet.core.held import Held
from amulet.core.spec import Spec
from amulet.core.trainable import DataUse, Slot, Stage, Trainable
from amulet.training.stages import Prepared

ScoreOf = Callable[["Removal", Data, int], Tensor]
"""(stage, data, how many stages have removed records before it) -> (n,) the stage's scores of the data."""


@dataclass(frozen=True)
class Scorer(Spec):
    """Says of each training record how much it is worth keeping.

    Attributes:
        needs_validation: whether it compares with clean records that the defender holds.
    """

    needs_validation: ClassVar[bool]

    @abstractmethod
    def score(self, model: nn.Module, data: Data, validation: Data | None) -> Tensor:
        """(n,) float64, lower for records to remove first, given a model trained on the data."""

    def model_problems(self, model: nn.Module, some: Data, asker: str) -> Iterator[Problem]:
        """Why it cannot score records by a model of this structure, if so; a hook for subclasses.

        Args:
            model: untrained; to be left as it is.
            some: a few records that it takes.
            asker: the defense that needs the scores.
        """
        del model, some, asker
        yield from ()

    @final
    def __call__(self, model: nn.Module, data: Data, validation: Data | None) -> Tensor:
        """The scores, on the CPU.

        Raises:
            MissingInput: it needs clean records and there are none.
        """
        if self.needs_validation:
            Held(validation).require_validation(self)
        clean = None if validation is None else validation.to(data.x.device).as_inputs()
        return self.score(model, data.as_inputs(), clean).cpu()


@dataclass(frozen=True)
class Removal(Stage):
    """A defense that drops the records with the lowest scores and trains afresh on the others.

    Exactly `percent` of the records go, rounded to whole records; ties are broken by seed.
    """

    slot = Slot.PREPARE
    data_use = DataUse.DATASET

    percent: Annotated[float, Interval(gt=0, lt=100)] = 10.0

    @property
    @abstractmethod
    def scorer(self) -> Scorer:
        """What gives the scores: without `percent`, so that every percent shares them."""

    def data_problems(self, schema: Schema, records: int) -> Iterator[Problem]:
        """At least one record must go, and at least one must stay."""
        del schema
        if not 0 < self._count(records) < records:
            yield self.problem("percent", f"such that some of {records} records go and some stay")

    def records_left(self, records: int) -> int:
        """All but `percent`."""
        return records - self._count(records)

    def model_problems(self, model: nn.Module, some: Data) -> Iterator[Problem]:
        """Those of the scorer."""
        yield from self.scorer.model_problems(model, some, str(self))

    @final
    def remove(self, data: Data, scores: Tensor, rng: Generator) -> Prepared:
        """The other records in their order, and the identities of those removed."""
        shuffled = torch.randperm(len(data), generator=rng, device=rng.device).cpu()
        removed = shuffled[scores.cpu()[shuffled].argsort(stable=True)[: self._count(len(data))]].sort().values
        kept = torch.ones(len(data), dtype=torch.bool)
        kept[removed] = False
        place = data.x.device
        return Prepared(data[kept.to(place)], {"removed": data.index[removed.to(place)]})

    def _count(self, records: int) -> int:
        return round(self.percent / 100 * records)


def score_by(recipe: Trainable, held: Held, seed: int, device: str) -> ScoreOf:
    """Scores that have been computed already, else those of a reference model that is trained here."""

    def score(stage: Removal, data: Data, number: int) -> Tensor:
        if number < len(held.scores):
            return held.scores[number]
        reference = recipe.with_preparations(0).fit(data, seed=seed, device=device, held=held)
        return stage.scorer(reference.model, data, held.validation)

    return score
