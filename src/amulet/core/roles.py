"""Which models a game needs, by the role that each plays. An assessment trains all of them as tasks.

A request says on which records a model is trained, with whose recipe, and from which other model it is made, if
any. So a victim, an attacker's shadow models, a stolen copy and an independent suspect all come by one road.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final

from torch import nn

from amulet.core.data import Data, Schema
from amulet.core.dataset_spec import DatasetSpec
from amulet.core.errors import Problem
from amulet.core.fitted import Fitted
from amulet.core.spec import NonNegativeInt, Spec
from amulet.core.split import AuxiliaryDraw, Draw, MemberDraw, ShadowDraw, Split
from amulet.core.threat import Access, Target
from amulet.core.trainable import Trainable

TARGET: Final = "target"
"""The model under assessment."""

CONTROL: Final = "control"
"""The same model, had nobody tampered with its training records."""

SHADOW: Final = "shadow"
"""An attacker's model on half of the members and auxiliary records together."""

SURROGATE: Final = "surrogate"
"""An attacker's model on its own records alone."""


class Whose(StrEnum):
    """Whose recipe a model is trained with.

    ROW: the recipe of the row under assessment, with its defenses, on records that the row's own attack, if it has
    one, has tampered with. UNTAMPERED: the same recipe on records as they are. PLAIN: the recipe without any
    defense, on records as they are: of an attacker who does not know the defense, or of one who does not defend.
    """

    ROW = "row"
    UNTAMPERED = "untampered"
    PLAIN = "plain"


@dataclass(frozen=True)
class Derivation(Spec):
    """How a model is made from another one: extracted, fine-tuned, pruned, distilled or quantised.

    Attributes:
        needs: the access that it has to the parent, no less and no more.
    """

    needs: ClassVar[Access]

    @abstractmethod
    def build(self, schema: Schema, recipe: Trainable, parent: Callable[[Schema], nn.Module]) -> nn.Module:
        """An untrained model of the structure that `derive` gives.

        Args:
            schema: of the records.
            recipe: with which the derived model is trained.
            parent: builds an untrained model of the parent's structure.
        """

    @abstractmethod
    def derive(self, parent: Target, recipe: Trainable, data: Data, *, seed: int, device: str = "cpu") -> Fitted:
        """A new model; the parent stays as it is.

        Args:
            parent: the model that it is made from, behind the gate of `needs`.
            recipe: how the new model is trained, as far as it is.
            data: the records of whoever makes it; their labels are known to it.
            seed: of all random choices.
            device: where to compute.
        """

    def data_problems(self, schema: Schema, records: int) -> Iterator[Problem]:
        """Why a model cannot be derived with so many records of this kind, if so; a hook for subclasses."""
        del schema, records
        yield from ()


@dataclass(frozen=True)
class ModelRequest(Spec):
    """A model that a game needs.

    Attributes:
        draw: its training records, or with a derivation the records of whoever makes it.
        recipe: with which it is trained: one of the assessment's, or one of its own.
        number: tells apart models that are alike in everything else, and decides the random choices of their
            training; None for models under assessment, which are trained with the seed of the row itself.
        derivation: how it is made from its `parent`, where it is not trained from scratch.
        parent: the model that it is made from.
        source: the data set that the records are drawn from, where it is not the one under assessment.
    """

    draw: Draw
    recipe: Whose | Trainable = Whose.ROW
    number: NonNegativeInt | None = None
    derivation: Derivation | None = None
    parent: "ModelRequest | None" = None
    source: DatasetSpec | None = None

    def problems(self) -> Iterator[Problem]:
        """A derivation and its parent go together."""
        if (self.derivation is None) != (self.parent is None):
            yield self.problem("parent", "given if and only if there is a 'derivation'")

    @property
    def family(self) -> "Iterator[ModelRequest]":
        """Itself and the models that it is made from."""
        yield self
        if self.parent is not None:
            yield from self.parent.family


Requests = Mapping[str, tuple[ModelRequest, ...]]
"""What a game needs, by role."""


def target_request(split: Split) -> ModelRequest:
    """The model under assessment, trained on the members."""
    return ModelRequest(MemberDraw(split))


def shadow_requests(split: Split, count: int, *, defense_known: bool = True) -> tuple[ModelRequest, ...]:
    """An attacker's models on complementary halves of members and auxiliary records together."""
    return tuple(ModelRequest(ShadowDraw(split, number), _known(defense_known), number) for number in range(count))


def surrogate_requests(split: Split, count: int, *, defense_known: bool = True) -> tuple[ModelRequest, ...]:
    """An attacker's models on its own records alone."""
    return tuple(ModelRequest(AuxiliaryDraw(split, number), _known(defense_known), number) for number in range(count))


def _known(defense_known: bool) -> Whose:
    return Whose.ROW if defense_known else Whose.PLAIN
