"""Defenses, and the five places in the training loop where they act."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar, Self, TypeVar, final

from torch import Generator, Tensor, nn

from amulet.core.data import Data, Schema
from amulet.core.errors import Problem
from amulet.core.spec import Spec
from amulet.functional.pgd import Classifier
from amulet.training.fitted import Fitted
from amulet.training.held import NOTHING, Held
from amulet.training.updates import Pace, Rule


class Slot(IntEnum):
    """Where in the loop a stage acts, in the order of the loop."""

    PREPARE = 1
    PERTURB = 2
    PENALIZE = 3
    UPDATE = 4
    FINISH = 5


class DataUse(IntEnum):
    """What the treatment of one record depends on: nothing but constants, that record, or other records too."""

    NONE = 0
    RECORD = 1
    DATASET = 2


@dataclass(frozen=True)
class Trainable(Spec):
    """What can be fitted to data: a recipe for Amulet's loop, or a training function of the user's own."""

    @abstractmethod
    def fit(
        self, data: Data, *, seed: int, device: str = "cpu", held: Held = NOTHING, with_accuracy: bool = False
    ) -> Fitted:
        """Train a fresh model. The same arguments on one machine give the same weights.

        `with_accuracy` adds `train_accuracy` to the facts, which takes a pass over the records.
        """

    @abstractmethod
    def with_stage(self, stage: "Stage") -> Self:
        """The same with one more stage.

        Raises:
            Conflict: the stage cannot act here, or not beside those already there.
        """

    def seed_from(self, seed: int) -> int:
        """The seed that training with `seed` draws from; a hook for recipes that derive their own."""
        return seed

    @abstractmethod
    def unprepared(self) -> Self:
        """The same without the stages that prepare the data."""

    def one_epoch(self) -> "tuple[Trainable, int] | None":
        """The same for a single epoch, and how many epochs it has; None where it does not count them."""
        return None

    @property
    @abstractmethod
    def preparations(self) -> "tuple[Stage, ...]":
        """The stages that prepare the data, in their order."""

    @abstractmethod
    def build(self, schema: Schema) -> nn.Module:
        """The untrained model, with the structure that `fit` gives it."""

    @abstractmethod
    def data_problems(self, schema: Schema, records: int) -> Iterator[Problem]:
        """Why this cannot be fitted to so many records of this kind, if so."""


T = TypeVar("T", bound=Trainable)


@dataclass(frozen=True)
class Defense(Spec):
    """A change of how models are trained.

    Attributes:
        risk: the package of the risk it is made for, such as "evasion".
    """

    risk: ClassVar[str | None] = None

    @abstractmethod
    def apply(self, recipe: Trainable) -> Trainable:
        """The recipe with the defense in it; the one given stays as it is.

        Raises:
            Conflict: the defense cannot be combined with what the recipe holds already.
        """

    @final
    def train(
        self,
        recipe: Trainable,
        data: Data,
        *,
        seed: int,
        device: str = "cpu",
        held: Held = NOTHING,
        with_accuracy: bool = False,
    ) -> Fitted:
        """Train a fresh model with the defense, as `Trainable.fit` does."""
        return self.apply(recipe).fit(data, seed=seed, device=device, held=held, with_accuracy=with_accuracy)


@dataclass(frozen=True)
class Stage(Defense):
    """A defense that acts in one slot of the loop.

    Attributes:
        data_use: what its treatment of one record depends on; the conformance suite checks that it is true.
        private: whether it keeps differential privacy even where it uses the data set as a whole.
    """

    slot: ClassVar[Slot]
    data_use: ClassVar[DataUse]
    private: ClassVar[bool] = False

    @final
    def apply(self, recipe: T) -> T:
        """The recipe with this stage behind those of the same slot."""
        return recipe.with_stage(self)

    def data_problems(self, schema: Schema, records: int) -> Iterator[Problem]:
        """Why the stage cannot act on so many records of this kind, if so; a hook for subclasses."""
        del schema, records
        yield from ()


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
