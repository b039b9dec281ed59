"""The five places in the training loop where defenses act."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Generator, Tensor, nn

from amulet.core.data import Data
from amulet.core.trainable import Slot, Stage
from amulet.functional.pgd import Classifier
from amulet.training.updates import Pace, Rule


@dataclass(frozen=True, eq=False)
class Prepared:
    """The data to train on, and what the owner keeps of their preparation."""

    data: Data
    artifacts: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Prepare(Stage):
    """Changes the training data once, before training."""

    slot = Slot.PREPARE

    @abstractmethod
    def prepare(self, data: Data, rng: Generator) -> Prepared:
        """The data to train on instead."""


@dataclass(frozen=True)
class Perturb(Stage):
    """Changes each batch before its loss is taken. The loop calls it with the model in evaluation mode."""

    slot = Slot.PERTURB

    @abstractmethod
    def perturb(self, model: nn.Module, batch: Data, rng: Generator) -> Data:
        """The batch to train on instead, at least one record, of the same length."""


@dataclass(frozen=True)
class Penalize(Stage):
    """Adds a term to each record's loss.

    A penalty that compares the records with other versions of them seeks these in `twin`, which the loop calls
    beforehand with the model in evaluation mode, and finds them in `batch.twins`, shaped like x.
    """

    slot = Slot.PENALIZE

    def twin(self, model: nn.Module, batch: Data, rng: Generator) -> Tensor | None:
        """Another version of each record, shaped like x; a hook for subclasses."""
        del model, batch, rng
        return None

    @abstractmethod
    def penalize(self, model: Classifier, logits: Tensor, batch: Data) -> Tensor:
        """(n,) the term of each record, differentiable; `model` may be called again on other inputs."""


@dataclass(frozen=True)
class Update(Stage):
    """Replaces how a batch is drawn and turned into a gradient. There is room for one."""

    slot = Slot.UPDATE

    @abstractmethod
    def begin(self, pace: Pace, seed: int, device: str) -> Rule:
        """The rule for one run."""

    def for_rehearsal(self) -> "Update":
        """The same for one step on a few made-up records, without costly searches; a hook for subclasses."""
        return self


@dataclass(frozen=True)
class Finish(Stage):
    """Changes the trained model once, after training."""

    slot = Slot.FINISH

    def wrap(self, model: nn.Module) -> nn.Module:
        """The model with the structure it will have afterwards; no training here, the store rebuilds with it."""
        return model

    @abstractmethod
    def finish(self, model: nn.Module, data: Data, rng: Generator) -> Mapping[str, Tensor]:
        """Fit the wrapped model in place; what the owner keeps."""
