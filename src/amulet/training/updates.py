"""How a batch is drawn and turned into a gradient, for one run."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from typing import final

import torch
from torch import Generator, Tensor, nn

from amulet.core.data import Data
from amulet.core.fitted import Fact
from amulet.functional.perturbations.pgd import Classifier

RecordLosses = Callable[[Classifier, Data], Tensor]
"""(model, batch) -> (n,) the loss of each record, penalties and weights included."""


@dataclass(frozen=True)
class Pace:
    """How much one run trains."""

    records: int
    batch_size: int
    epochs: int

    @property
    def steps_per_epoch(self) -> int:
        """Batches that cover the data about once."""
        return ceil(self.records / self.batch_size)

    @property
    def rate(self) -> float:
        """The share of the records that a batch holds."""
        return self.batch_size / self.records

    @property
    def steps(self) -> int:
        """Batches of the whole run."""
        return self.epochs * self.steps_per_epoch


class Rule(ABC):
    """Draws batches and leaves their gradient in the model's parameters."""

    @property
    @abstractmethod
    def steps_per_epoch(self) -> int:
        """Batches of one epoch."""

    @property
    @abstractmethod
    def facts(self) -> Mapping[str, Fact]:
        """What is known of the run once it is over."""

    def notices(self, owner: str) -> Iterator[str]:
        """What its user should know after the first steps with a model called `owner`; a hook for subclasses."""
        del owner
        yield from ()

    @abstractmethod
    def epoch(self, order: Generator) -> Iterator[Tensor]:
        """Places of the records of each batch of one epoch."""

    @abstractmethod
    def backward(self, losses: RecordLosses, model: nn.Module, batch: Data) -> None:
        """Set the gradient of every parameter; the loop has cleared those of the batch before."""


@final
class PlainRule(Rule):
    """Shuffled batches of nearly equal size (so that none is left with a single record), mean gradient."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace

    @property
    def steps_per_epoch(self) -> int:
        """Fewer than asked for where that would leave a batch with a single record, which batch norm refuses."""
        pairs = max(1, self._pace.records // 2)
        return self._pace.steps_per_epoch if self._pace.batch_size == 1 else min(self._pace.steps_per_epoch, pairs)

    @property
    def facts(self) -> Mapping[str, float | int]:
        """The number of steps."""
        return {"steps": self._pace.epochs * self.steps_per_epoch}

    def epoch(self, order: Generator) -> Iterator[Tensor]:
        """Every record once."""
        shuffled = torch.randperm(self._pace.records, generator=order)
        yield from shuffled.tensor_split(self.steps_per_epoch)

    def backward(self, losses: RecordLosses, model: nn.Module, batch: Data) -> None:
        """The gradient of the mean loss."""
        losses(model, batch).mean().backward()
