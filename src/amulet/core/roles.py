"""Requests for the models that a game needs, by role. An assessment trains each of them as a task.

A request states the records that a model is trained on, the recipe that it is trained with, and the model that it is
derived from, if any. Targets, shadow models, stolen copies and independently trained models are all requested this way.
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
"""The model under assessment, trained on records that were not tampered with."""

SHADOW: Final = "shadow"
"""A model of the attacker, trained on one half of the members and auxiliary records together."""

SURROGATE: Final = "surrogate"
"""A model of the attacker, trained on its own records alone."""


class Whose(StrEnum):
    """The recipe that a model is trained with, and whether its training records were tampered with.

    Attributes:
        ROW: the recipe of the row under assessment, with its defenses. If the row has an attack on the training
            records, it has changed them.
        UNTAMPERED: the same recipe, on unchanged records.
        PLAIN: the recipe without any defense, on unchanged records: for an attacker who does not know the defense, or
            for models of others, who use none.
    """

    ROW = "row"
    UNTAMPERED = "untampered"
    PLAIN = "plain"


@dataclass(frozen=True)
class Derivation(Spec):
    """How a model is made from another one: extracted, fine-tuned, pruned, distilled or quantised.

    Attributes:
        needs: the access to the parent that it has; the conformance tests check that it uses all of it. A derivation
            may set it for the instance, in `problems`.
        needs_labels: whether it uses the labels of its maker's records. One that does not can be made with records of
            another data set, whose classes are others than the parent's.
    """

    needs: ClassVar[Access]
    needs_labels: ClassVar[bool] = True

    @abstractmethod
    def build(self, schema: Schema, recipe: Trainable, parent: Callable[[Schema], nn.Module]) -> nn.Module:
        """An untrained model with the structure of the one that `derive` gives.

        Args:
            schema: of the records.
            recipe: the recipe that the derived model is trained with.
            parent: builds an untrained model of the parent's structure.
        """

    @abstractmethod
    def derive(self, parent: Target, recipe: Trainable, data: Data, *, seed: int, device: str = "cpu") -> Fitted:
        """A new model; the parent stays as it is.

        Args:
            parent: the model that it is made from, with the access that `needs` states.
            recipe: how the new model is trained, if it is trained.
            data: the records of the party that makes it, with their labels.
            seed: of all random choices.
            device: where to compute.
        """

    def data_problems(self, schema: Schema, records: int) -> Iterator[Problem]:
        """The reasons why a model cannot be derived with this number of such records; a hook for subclasses."""
        del schema, records
        yield from ()

    def recipe_problems(self, recipe: Trainable) -> Iterator[Problem]:
        """The reasons why a model cannot be derived with this recipe; a hook for subclasses."""
        del recipe
        yield from ()


@dataclass(frozen=True)
class ModelRequest(Spec):
    """A model that a game needs.

    Attributes:
        draw: its training records; with a derivation, the records of the party that makes it.
        recipe: the recipe that it is trained with: one of the assessment, or one of its own.
        number: distinguishes models that are equal in everything else, and enters the seed of their training; None
            for models under assessment, which are trained with the seed of the row.
        derivation: how it is made from its `parent`; None if it is trained from scratch.
        parent: the model that it is made from; None if it is trained from scratch.
        source: the data set that the records are drawn from; None for the one under assessment.
    """

    draw: Draw
    recipe: Whose | Trainable = Whose.ROW
    number: NonNegativeInt | None = None
    derivation: Derivation | None = None
    parent: "ModelRequest | None" = None
    source: DatasetSpec | None = None

    def problems(self) -> Iterator[Problem]:
        """A derivation needs a parent, and a parent needs a derivation."""
        if (self.derivation is None) != (self.parent is None):
            yield self.problem("parent", "given if and only if there is a 'derivation'")

    @property
    def family(self) -> "Iterator[ModelRequest]":
        """This request, then its parent, the parent of that, and so on."""
        yield self
        if self.parent is not None:
            yield from self.parent.family


Requests = Mapping[str, tuple[ModelRequest, ...]]
"""The models that a game needs, by role."""


def target_request(split: Split) -> ModelRequest:
    """The model under assessment, trained on the members."""
    return ModelRequest(MemberDraw(split))


def shadow_requests(split: Split, count: int, *, defense_known: bool = True) -> tuple[ModelRequest, ...]:
    """Requests for shadow models, on complementary halves of members and auxiliary records together.

    Args:
        split: the holders of the training records.
        count: the number of models.
        defense_known: whether they are trained with the defenses of the target.
    """
    return tuple(
        ModelRequest(ShadowDraw(split, number), recipe_of_attacker(defense_known), number) for number in range(count)
    )


def surrogate_requests(split: Split, count: int, *, defense_known: bool = True) -> tuple[ModelRequest, ...]:
    """Requests for surrogates, trained on the auxiliary records alone.

    Args:
        split: the holders of the training records.
        count: the number of models.
        defense_known: whether they are trained with the defenses of the target.
    """
    return tuple(
        ModelRequest(AuxiliaryDraw(split, number), recipe_of_attacker(defense_known), number) for number in range(count)
    )


def recipe_of_attacker(defense_known: bool) -> Whose:
    """The recipe that an attacker trains its models with: that of the row if it knows the defenses, else without them.

    Args:
        defense_known: whether it knows them.
    """
    return Whose.ROW if defense_known else Whose.PLAIN
