"""The five places in the training loop where defenses act."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, final

from torch import Generator, Tensor, nn

from amulet.core.data import Data, Schema
from amulet.core.errors import Problem
from amulet.core.held import Held
from amulet.core.short_repr import short_repr
from amulet.core.trainable import Slot, Stage
from amulet.functional.perturbations.pgd import Classifier
from amulet.training.objectives import Objective
from amulet.training.penalty import Penalty
from amulet.training.updates import Pace, Rule


@dataclass(frozen=True, eq=False)
class Prepared:
    """The data to train on, and what the owner keeps of their preparation."""

    data: Data
    artifacts: Mapping[str, Tensor] = field(default_factory=dict)

    __repr__ = short_repr


@dataclass(frozen=True)
class Prepare(Stage):
    """Changes the training data once, before training.

    Attributes:
        weighs: whether it gives records weights, which the loss of each is multiplied by.
        sets_targets: whether it gives records targets, probabilities that are learned instead of the class.
    """

    slot = Slot.PREPARE
    weighs: ClassVar[bool] = False
    sets_targets: ClassVar[bool] = False

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

    A penalty without a state of its own writes `penalize`. One that compares the records with other versions of them
    makes these in `twin` and finds them in `batch.twins`. One with a state, such as a network that is trained beside
    the model, writes `begin` instead, and does all this in the `Penalty` that it returns.
    """

    slot = Slot.PENALIZE

    def objective_problems(self, objective: Objective) -> Iterator[Problem]:
        """The reasons why it cannot be added to this objective; a hook for subclasses that take part in it."""
        del objective
        yield from ()

    def begin(self, schema: Schema, pace: Pace, seed: int, device: str) -> Penalty:
        """The penalty of one training run.

        Args:
            schema: of the training records.
            pace: how many records, batches and epochs the run has.
            seed: of the penalty's own random choices; torch's global generator is seeded when this is called.
            device: where the run takes place.
        """
        del schema, pace, seed, device
        return _Stateless(self)

    def twin(self, model: nn.Module, batch: Data, rng: Generator) -> Tensor | None:
        """Another version of each record, shaped like x; a hook for subclasses. See `Penalty`."""
        del model, batch, rng
        return None

    def penalize(self, model: Classifier, logits: Tensor, batch: Data) -> Tensor:
        """(n,) the term of each record; a hook for subclasses. See `Penalty`."""
        raise NotImplementedError(f"{self} must write 'penalize', or 'begin' if it has a state of its own.")


Penalize.__abstractmethods__ = frozenset({"penalize"})
"""Abstract itself, while a subclass is complete with either of the two methods, which ABC cannot express."""


@final
class _Stateless(Penalty):
    """What a stage without a state does in any run."""

    def __init__(self, stage: Penalize) -> None:
        self._stage = stage

    def twin(self, model: nn.Module, batch: Data, rng: Generator) -> Tensor | None:
        """The stage's."""
        return self._stage.twin(model, batch, rng)

    def penalize(self, model: Classifier, logits: Tensor, batch: Data) -> Tensor:
        """The stage's."""
        return self._stage.penalize(model, logits, batch)


@dataclass(frozen=True)
class Update(Stage):
    """Replaces how a batch is drawn and turned into a gradient. There is room for one."""

    slot = Slot.UPDATE

    def pace_problems(self, pace: Pace) -> Iterator[Problem]:
        """The reasons why a run of this pace cannot be made, found before it begins; a hook for subclasses."""
        del pace
        yield from ()

    @abstractmethod
    def begin(self, pace: Pace, seed: int, device: str) -> Rule:
        """The rule for one run."""


@dataclass(frozen=True)
class Finish(Stage):
    """Changes the trained model once, after training.

    A stage that puts something around the model, such as thresholds, keeps the model in it as a submodule, called
    `underneath` or otherwise, so that an attacker with the weights can attack it too. What it puts around it derives
    from `AttributeModel` if predictions then need the records' sensitive attributes.

    Attributes:
        needs_validation: whether it is fitted to clean records of the defender's own.
    """

    slot = Slot.FINISH
    needs_validation: ClassVar[bool] = False

    def wrap(self, model: nn.Module) -> nn.Module:
        """The model with the structure it will have afterwards; no training here, the store rebuilds with it."""
        return model

    @abstractmethod
    def finish(self, model: nn.Module, data: Data, held: Held, rng: Generator) -> Mapping[str, Tensor]:
        """Fit the wrapped model in place.

        Args:
            model: as `wrap` gave it, in training mode.
            data: the training records, after every preparation.
            held: what the defender holds besides, such as clean validation records.
            rng: of its random choices.

        Returns:
            What the owner keeps, by name.
        """
