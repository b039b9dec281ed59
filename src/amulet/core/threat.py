"""Threat models: what an adversary may ask of its target, and what it holds itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum

import torch
from torch import Generator, Tensor, nn

from amulet.core.data import Schema
from amulet.core.errors import AccessDenied
from amulet.core.model import Inputs, evaluating, predict
from amulet.core.split import AuxiliaryDraw, Draw, ShadowDraw, Split


class Access(IntEnum):
    """What the target shows; each level includes those before it."""

    LABELS = 1
    PROBABILITIES = 2
    LOGITS = 3
    WEIGHTS = 4


class Target:
    """A model behind the gate of an access level. Asking for more raises AccessDenied."""

    def __init__(self, model: nn.Module, access: Access) -> None:
        self._model = model
        self.access = access

    def labels(self, x: Inputs) -> Tensor:
        """(n,) predicted classes."""
        return self._logits(Access.LABELS, x).argmax(1)

    def probabilities(self, x: Inputs) -> Tensor:
        """(n, classes) predicted probabilities."""
        return self._logits(Access.PROBABILITIES, x).softmax(1)

    def logits(self, x: Inputs) -> Tensor:
        """(n, classes) outputs before the softmax."""
        return self._logits(Access.LOGITS, x)

    @property
    def model(self) -> nn.Module:
        """The model itself: its weights and gradients."""
        self._require(Access.WEIGHTS)
        return self._model

    def narrowed(self, access: Access) -> "Target":
        """The same model behind a gate that is no wider than this one or the given level."""
        return Target(self._model, min(access, self.access))

    def _logits(self, access: Access, x: Inputs) -> Tensor:
        self._require(access)
        return predict(self._model, x)

    def _require(self, access: Access) -> None:
        if access > self.access:
            raise AccessDenied(
                f"The attack asked for {access.name.lower()}, but its threat model grants only "
                f"{self.access.name.lower()}. Declare `needs = Access.{access.name}`."
            )


@contextmanager
def opened(model: nn.Module, access: Access) -> Iterator[Target]:
    """The model as a target in evaluation mode; afterwards it is as it was, unless the attack altered it."""
    with evaluating(model):
        yield Target(model, access)


@dataclass(frozen=True, eq=False)
class Shadow:
    """A model that the adversary trained itself, and the identities (`Data.index`) of its training records."""

    model: nn.Module
    index: Tensor

    def trained_on(self, index: Tensor) -> Tensor:
        """(n,) whether each record was among its training records."""
        return torch.isin(index, self.index.to(index.device))


@dataclass(frozen=True, eq=False)
class Adversary:
    """All that an attack gets to see: its gated target, its own models, its own randomness. Never the truth.

    Attributes:
        rehearsing: whether the target is a model of the adversary's own, and what is found is meant for another one:
            then being wrong already is no reason to leave a record alone.
    """

    target: Target
    schema: Schema
    rng: Generator
    shadows: tuple[Shadow, ...] = ()
    rehearsing: bool = False


@dataclass(frozen=True)
class ShadowRequest:
    """What an attack asks to be trained.

    Attributes:
        count: how many models.
        defense_known: whether they are trained with the target's defense.
        own_records: whether they are surrogates, trained on the attacker's own records alone, instead of shadows,
            trained on halves of members and auxiliary records together.
    """

    count: int
    defense_known: bool = True
    own_records: bool = False

    def draws(self, split: Split) -> tuple[Draw, ...]:
        """The training records of each model."""
        kind = AuxiliaryDraw if self.own_records else ShadowDraw
        return tuple(kind(split, number) for number in range(self.count))
