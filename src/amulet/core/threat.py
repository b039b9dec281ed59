"""Threat models: the access that an adversary has to its target, and the models and records that it holds itself."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntFlag
from functools import partial
from typing import ClassVar, Self

import torch
from torch import Generator, Tensor, nn

from amulet.core.classifier import require_classifier
from amulet.core.data import Data, Schema, Selection, as_inputs
from amulet.core.errors import AccessDenied, InvalidParameter, MissingInput, Problem
from amulet.core.fitted import Artifacts, Fact, Fitted
from amulet.core.model import Records, batches, classifiers, evaluating, layers, logits_of, predict, underneath
from amulet.core.short_repr import module_text, short_repr
from amulet.core.spec import Spec
from amulet.functional.perturbations.pgd import Classifier


class Access(IntFlag):
    """The outputs of a target that an adversary can see, as a set of flags.

    Logits include probabilities, and these include predicted labels; weights include all three. Further outputs that a
    defense may release, such as explanations of single predictions or the answer to a claim of ownership, have flags of
    their own, to be combined with the others: `Access.LABELS | Access.EXPLANATIONS`.

    Example:
        >>> Access.LOGITS.includes(Access.PROBABILITIES), Access.LABELS.includes(Access.LOGITS)
        (True, False)
        >>> str(Access.LOGITS | Access.EXPLANATIONS)
        'logits and explanations'
    """

    LABELS = 0b000001
    PROBABILITIES = 0b000011
    LOGITS = 0b000111
    WEIGHTS = 0b001111
    EXPLANATIONS = 0b010000
    CLAIMS = 0b100000

    def includes(self, other: "Access") -> bool:
        """Whether it grants everything that `other` grants."""
        return other & ~self == 0

    @property
    def parts(self) -> "tuple[Access, ...]":
        """The named flags that it consists of, without those that another one includes."""
        named = [each for each in _NAMED if self.includes(each)]
        return tuple(each for each in named if not any(each != other and other.includes(each) for other in named))

    @property
    def of_releases_alone(self) -> bool:
        """Whether it grants only what a defense may release, and no predictions, of which every model gives some."""
        return not self & Access.WEIGHTS and bool(self)

    def narrowed_by_one(self) -> "Iterator[Access]":
        """Every access that grants one output less; none for an access to predicted labels alone."""
        for part in self.parts:
            below = [each for each in _NAMED if each != part and part.includes(each)]
            less = (self & ~part) | max(below, default=Access(0))
            if less:
                yield less

    def __str__(self) -> str:
        """The names of its parts: "logits and explanations"."""
        return " and ".join(str(part.name).lower() for part in self.parts) or "nothing"


_NAMED = tuple(Access.__members__.values())


@dataclass(frozen=True)
class Release(Spec):
    """A further output that a defense releases for each record beside the prediction, such as an explanation.

    How it is computed is public, so that an adversary can compute it for models of its own.

    Attributes:
        kind: the flag that grants it.
    """

    kind: ClassVar[Access]

    @abstractmethod
    def of(self, model: Classifier, x: Tensor, classes: Tensor) -> Tensor:
        """The output for each record.

        It can be differentiated with respect to the model's parameters, unless gradients are disabled.

        Args:
            model: maps inputs to logits, each record by itself.
            x: (n, *shape) model inputs.
            classes: (n,) the classes that the model predicts for them.

        Returns:
            (n, ...).
        """


class Target:
    """A model with restricted access. Asking for an output that is not granted raises AccessDenied.

    Args:
        model: maps inputs to logits.
        access: the outputs that are granted.
        releases: the further outputs that its defenses release; which these are is public.
    """

    def __init__(self, model: nn.Module, access: Access, releases: Sequence[Release] = ()) -> None:
        self._model = model
        self.access = access
        self.releases = tuple(releases)

    def __repr__(self) -> str:
        """Of what the model is, and what it shows."""
        return f"Target({module_text(self._model)}, shows {self.access})"

    def predictions(self, records: Records) -> Tensor:
        """(n,) predicted classes, not the true ones; `Access.LABELS` grants them."""
        return self._logits(Access.LABELS, records).argmax(1)

    def probabilities(self, records: Records) -> Tensor:
        """(n, classes) predicted probabilities."""
        return self._logits(Access.PROBABILITIES, records).softmax(1)

    def logits(self, records: Records) -> Tensor:
        """(n, classes) outputs before the softmax."""
        return self._logits(Access.LOGITS, records)

    def release(self, kind: Access) -> Release | None:
        """How a further output is computed, which is public; None if no defense of this target releases it."""
        return next((each for each in self.releases if each.kind is kind), None)

    def answers(self, kind: Access, records: Records) -> Tensor:
        """(n, ...) a further output that a defense releases, such as explanations, without gradients.

        Raises:
            AccessDenied: the threat model does not grant this output.
            MissingInput: no defense of this target releases this output.
        """
        self._require(kind)
        release = self.release(kind)
        if release is None:
            raise MissingInput(f"This target has no {kind} to show, since no defense of its own releases any.")
        return torch.cat([self._answer(release, as_inputs(x), z) for x, z in batches(records)])

    @torch.no_grad()
    def _answer(self, release: Release, x: Tensor, z: Tensor | None) -> Tensor:
        model = partial(logits_of, self._model, z=z)
        return release.of(model, x, model(x.clone()).argmax(1))  # a model may work in place

    @property
    def model(self) -> nn.Module:
        """The model itself, with its weights and gradients."""
        self._require(Access.WEIGHTS)
        return self._model

    def classifiers(self, records: Data) -> Iterator[tuple[Tensor, Classifier]]:
        """The model as functions of inputs alone, with gradients, each with the places of the records it is for."""
        self._require(Access.WEIGHTS)
        return classifiers(self._model, records)

    @property
    def underneath(self) -> "Target":
        """The model below what finishing stages have put around it, such as thresholds, if anything."""
        self._require(Access.WEIGHTS)
        return Target(underneath(self._model), self.access)

    @property
    def layers(self) -> "tuple[Target, ...]":
        """Itself, and below it each model that a finishing stage has put something around, the innermost last."""
        self._require(Access.WEIGHTS)
        return (self, *(Target(below, self.access) for below in layers(self._model) if below is not self._model))

    def narrowed(self, access: Access) -> "Target":
        """The same model with the access that both this target and `access` grant."""
        return Target(self._model, self.access & access, self.releases)

    def _logits(self, access: Access, records: Records) -> Tensor:
        self._require(access)
        return predict(self._model, records)

    def _require(self, access: Access) -> None:
        if not self.access.includes(access):
            needs = " | ".join(f"Access.{part.name}" for part in (self.access | access).parts)
            raise AccessDenied(
                f"The attack asked for {access}, but its threat model grants only {self.access}. "
                f"Declare `needs = {needs}`."
            )


@contextmanager
def opened(
    model: nn.Module, access: Access, data: Data | Selection | None = None, releases: Sequence[Release] = ()
) -> Iterator[Target]:
    """The model as a target in evaluation mode; afterwards it is as it was, unless the attack altered it.

    Args:
        model: maps inputs to logits.
        access: what may be asked of it.
        data: records that it will be asked about, where it has not been checked against them yet.
        releases: the further outputs that its defenses release.

    Raises:
        InvalidParameter: it does not give one logit for each class of each record.
    """
    if data is not None:
        require_classifier(model, data)
    with evaluating(model):
        yield Target(model, access, releases)


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A model of a game, with the identities of its training records.

    Attributes:
        model: maps inputs to logits.
        index: (k,) identities (`Data.index`) of its training records.
        artifacts: tensors that its owner keeps from the training, by stage; see `Fitted`.
        facts: what is known of its training, such as the epsilon spent; see `Fitted`.
        releases: the further outputs that its defenses release beside its predictions.
    """

    model: nn.Module
    index: Tensor
    artifacts: Artifacts = field(default_factory=dict)
    facts: Mapping[str, Fact] = field(default_factory=dict)
    releases: tuple[Release, ...] = ()

    __repr__ = short_repr

    @classmethod
    def of(cls, fitted: Fitted, index: Tensor, releases: tuple[Release, ...] = ()) -> Self:
        """The trained model, with the (k,) identities of its training records."""
        return cls(fitted.model, index, fitted.artifacts, fitted.facts, releases)

    def trained_on(self, index: Tensor) -> Tensor:
        """(n,) bool, whether each record, given by its identity, was among the training records."""
        return torch.isin(index, self.index.to(index.device))


Models = Mapping[str, Sequence[TrainedModel]]
"""Models by role, such as "shadow"."""


def without(models: Models, *roles: str) -> Models:
    """The models of all other roles.

    Raises:
        InvalidParameter: they are not given as sequences by role.
    """
    if not isinstance(models, Mapping) or not all(isinstance(held, Sequence) for held in models.values()):
        allowed = "a map from roles to sequences of trained models, as amulet.experiments.models_for gives it"
        raise InvalidParameter([Problem("models", f"The 'models' of an adversary must be {allowed}.")])
    return {role: held for role, held in models.items() if role not in roles}


@dataclass(frozen=True, eq=False)
class Adversary:
    """Everything that an attack has: its target with restricted access, its own models, records and randomness.

    It does not contain the truth of the game, such as which records are members.

    Attributes:
        target: the model under attack.
        schema: of the records.
        rng: the source of the attack's random choices.
        models: the models that the attack requested, by role; see `Attack.own_models`.
        records: the adversary's own records, if the game of its risk gives it any.
        seed: the seed of models that the attack trains itself.
        rehearsing: whether the target is a model of the adversary's own, on which it prepares examples for another
            model. Records that such a target misclassifies already are then perturbed too.
    """

    target: Target
    schema: Schema
    rng: Generator
    models: Models = field(default_factory=dict)
    records: Data | None = None
    seed: int = 0
    rehearsing: bool = False

    __repr__ = short_repr

    def own(self, role: str, count: int, asker: object) -> Sequence[TrainedModel]:
        """The adversary's first `count` models of one role.

        Raises:
            MissingInput: it has fewer. The message names `asker`, the attack that needs them.
            InvalidParameter: they are bare modules, of which nobody can say what they were trained on.
        """
        held = self.models.get(role, ())
        if len(held) < count:
            raise MissingInput(
                f"{asker} needs {count} {role} model{'s' if count > 1 else ''}. Got {len(held)}. Train them with "
                "amulet.experiments.models_for, or use an attack that needs none."
            )
        for model in held[:count] if isinstance(held, list | tuple) else ():  # others load each model when it is used
            require_trained(model, role, asker)
        return held[:count]


def require_trained(model: object, parameter: str, owner: object) -> None:
    """Raise InvalidParameter unless a model comes with the identities of its training records."""
    if not isinstance(model, TrainedModel):
        allowed = "a TrainedModel, which TrainedModel.of(fitted, records.index) makes of what a recipe has fitted"
        raise InvalidParameter([Problem.of(parameter, str(owner), allowed, type(model).__name__)])
