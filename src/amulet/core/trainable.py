"""Base classes of recipes, and of defenses, which change how models are trained. The loop itself is in `training`."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Self, TypeVar, final

from torch import nn

from amulet.core.data import Data, Schema
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import Problem
from amulet.core.fitted import Fitted
from amulet.core.held import NOTHING, Held
from amulet.core.spec import Spec
from amulet.core.split import Split
from amulet.core.threat import Release


class Slot(IntEnum):
    """The places of the training loop where stages act, in their order."""

    PREPARE = 1
    PERTURB = 2
    PENALIZE = 3
    UPDATE = 4
    FINISH = 5


class DataUse(IntEnum):
    """The training records that the treatment of one record depends on.

    Attributes:
        NONE: on no record.
        RECORD: on that record alone.
        DATASET: on other records as well.
    """

    NONE = 0
    RECORD = 1
    DATASET = 2


@dataclass(frozen=True)
class Trainable(Spec):
    """A way to train a model: a recipe for Amulet's loop, or a training function of the user."""

    @abstractmethod
    def fit(
        self, data: Data, *, seed: int, device: str = "cpu", held: Held = NOTHING, with_accuracy: bool = False
    ) -> Fitted:
        """Train a new model. Equal arguments give equal weights on one machine.

        Args:
            data: the training records.
            seed: of all random choices.
            device: where to train.
            held: optional inputs beyond the training records.
            with_accuracy: whether to add `train_accuracy` to the facts, which takes a pass over the records.
        """

    @abstractmethod
    def with_stage(self, stage: "Stage") -> Self:
        """The recipe with one more stage.

        Raises:
            Conflict: the stage cannot be used here, or not together with the present ones.
        """

    def seed_from(self, seed: int) -> int:
        """The seed that training with `seed` uses; a hook for recipes that derive another one."""
        return seed

    @abstractmethod
    def with_preparations(self, count: int) -> Self:
        """The recipe with only the first `count` of the stages that prepare the data."""

    def timed(self, seconds: float) -> "Trainable | None":
        """The recipe with a training that ends after so many seconds of steps and tells what the others would take.

        A hook for recipes that train step by step; see `amulet.training.timing`. None if this cannot be told.
        """
        del seconds
        return None

    @property
    @abstractmethod
    def preparations(self) -> "tuple[Stage, ...]":
        """The stages that prepare the data, in the order in which they act."""

    @property
    def finishes(self) -> "tuple[Stage, ...]":
        """The stages that change the trained model, in their order; a hook for recipes that have some."""
        return ()

    @abstractmethod
    def build(self, schema: Schema) -> nn.Module:
        """An untrained model with the structure of the one that `fit` gives."""

    @abstractmethod
    def data_problems(self, schema: Schema, records: int) -> Iterator[Problem]:
        """The reasons why a model cannot be trained on this number of such records."""

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
        risk: the package of the risk that it is intended for, such as "evasion"; None if for no single one.
        other_risks: the packages of further risks that it is intended for as well. Of each risk, the validity check
            "defense" asks by itself whether the defense lowers it.
        claims: whether it lets the owner of a model claim copies of it, instead of making attacks fail. Whether it does
            so is measured by an audit of claims, and not by the attacks of its risk.
        family: the family of defenses in `amulet.literature` that it belongs to, such as "adversarial_training", so
            that reports compare its verdicts with published ones; None if it belongs to none.
    """

    risk: ClassVar[str | None] = None
    other_risks: ClassVar[tuple[str, ...]] = ()
    claims: ClassVar[bool] = False
    family: ClassVar[str | None] = None

    @final
    @property
    def risks(self) -> tuple[str, ...]:
        """The packages of all risks that it is intended for, the main one first."""
        return (*(() if self.risk is None else (self.risk,)), *self.other_risks)

    @classmethod
    def for_data(cls, dataset: AmuletDataset, split: Split) -> tuple[Self, ...]:
        """The instances that an assessment of all defenses takes, with settings that fit the data set.

        A hook for subclasses; by default one with all settings at their defaults. They need not be possible: what the
        checks of a plan find is the reason why one is left out.
        """
        del dataset, split
        return (cls(),)

    @abstractmethod
    def apply(self, recipe: Trainable) -> Trainable:
        """A new recipe with the defense; the given one is not changed.

        Raises:
            Conflict: the defense cannot be combined with what the recipe has already.
        """

    def notices(self, data: Data) -> Iterator[str]:
        """What to know before models are trained with it on such records, a sentence each; a hook for subclasses."""
        del data
        yield from ()

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
        """Train a new model with the defense. Arguments as of `Trainable.fit`."""
        return self.apply(recipe).fit(data, seed=seed, device=device, held=held, with_accuracy=with_accuracy)


@dataclass(frozen=True)
class PostHoc(Defense):
    """A defense that examines trained models, or releases more about them, and does not change how they are trained.

    The models of its row are those of the row without it. So a risk is unchanged by construction, unless its attack
    reads what the defense releases.
    """

    @property
    def releases(self) -> tuple[Release, ...]:
        """What is released of each record beside the prediction; a hook for subclasses, nothing by default."""
        return ()

    @final
    def apply(self, recipe: Trainable) -> Trainable:
        """The recipe as it is."""
        return recipe


def released(defenses: Sequence[Defense]) -> tuple[Release, ...]:
    """What defenses release beside the predictions of a model."""
    return tuple(each for defense in defenses if isinstance(defense, PostHoc) for each in defense.releases)


@dataclass(frozen=True)
class Stage(Defense):
    """A defense that acts in one slot of the training loop.

    Attributes:
        slot: the place of the loop where it acts.
        data_use: the records that its treatment of one record depends on; checked by the conformance tests.
        private: whether it is differentially private even though it uses the data set as a whole.
    """

    slot: ClassVar[Slot]
    data_use: ClassVar[DataUse]
    private: ClassVar[bool] = False

    @final
    def apply(self, recipe: T) -> T:
        """The recipe with this stage after those of the same slot."""
        return recipe.with_stage(self)

    def for_rehearsal(self) -> Self:
        """The stage as it is tried on a step with made-up records, before anything is trained.

        A hook for subclasses whose steps can take long, such as many steps of an attack, or that need something of the
        whole run. The form that is tried must fail where the stage itself would.
        """
        return self

    def data_problems(self, schema: Schema, records: int) -> Iterator[Problem]:
        """The reasons why the stage cannot be used on this number of such records; a hook for subclasses."""
        del schema, records
        yield from ()

    def records_left(self, records: int) -> int:
        """How many of so many records are left to train on; a hook for stages that drop some."""
        return records

    def model_problems(self, model: nn.Module, some: Data) -> Iterator[Problem]:
        """Why the stage cannot act on a model of this structure, if so; a hook for subclasses.

        Args:
            model: untrained; to be left as it is.
            some: a few records that it takes.
        """
        del model, some
        yield from ()
