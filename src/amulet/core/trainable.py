"""What can be trained, and defenses: changes of how models are trained. The training loop itself is in `training`."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Self, TypeVar, final

from torch import nn

from amulet.core.data import Data, Schema
from amulet.core.errors import Problem
from amulet.core.fitted import Fitted
from amulet.core.held import NOTHING, Held
from amulet.core.spec import Spec


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

        Args:
            data: the training records.
            seed: of all random choices.
            device: where to train.
            held: what whoever trains holds besides the training records.
            with_accuracy: whether to add `train_accuracy` to the facts, which takes a pass over the records.
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
    def with_preparations(self, count: int) -> Self:
        """The same with only the first `count` of the stages that prepare the data."""

    def one_epoch(self) -> "tuple[Trainable, int] | None":
        """The same for a single epoch, and how many epochs it has; None where it does not count them."""
        return None

    @property
    @abstractmethod
    def preparations(self) -> "tuple[Stage, ...]":
        """The stages that prepare the data, in their order."""

    @property
    def finishes(self) -> "tuple[Stage, ...]":
        """The stages that change the trained model, in their order; a hook for recipes that have some."""
        return ()

    @abstractmethod
    def build(self, schema: Schema) -> nn.Module:
        """The untrained model, with the structure that `fit` gives it."""

    @abstractmethod
    def data_problems(self, schema: Schema, records: int) -> Iterator[Problem]:
        """Why this cannot be fitted to so many records of this kind, if so."""

    def trial_problems(self, schema: Schema) -> Iterator[Problem]:
        """Why a step of training fails on made-up records that `data_problems` has nothing to say of, if so.

        A hook for subclasses, asked once for a plan, before anything is trained.
        """
        del schema
        yield from ()

    def notices(self, schema: Schema) -> Iterator[str]:
        """What to know before it is fitted to records of this kind, a sentence each; a hook for subclasses.

        For what is no fault but seldom meant, such as a softmax on top of a model, or costs time.
        """
        del schema
        yield from ()

    def record_problems(self, data: Data) -> Iterator[Problem]:
        """What the records hold that training would ignore, such as weights, if so; a hook for subclasses."""
        del data
        yield from ()


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

    def model_problems(self, model: nn.Module, some: Data) -> Iterator[Problem]:
        """Why the stage cannot act on a model of this structure, if so; a hook for subclasses.

        Args:
            model: untrained; to be left as it is.
            some: a few records that it takes.
        """
        del model, some
        yield from ()
