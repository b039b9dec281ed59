"""Checks of attacks and audits."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from operator import or_
from typing import Any, overload

import torch
from torch import Tensor, nn

from amulet.core.errors import AccessDenied, InvalidParameter
from amulet.core.metric import Undefined
from amulet.core.model import AttributeModel, logits_of
from amulet.core.probe import Attack, Game, Probe
from amulet.core.split import Split
from amulet.core.text import with_article
from amulet.core.threat import TrainedModel
from amulet.testing.derivations import check_derivation
from amulet.testing.promises import agree, check_spec, require, state_of
from amulet.testing.toys import toy_game


def check_attack(attack: Attack[Any]) -> None:
    """Check that an attack uses exactly the access that it declares and the models that it asks for, that it gives the
    same outcome for one seed, and that it leaves all models unchanged.

    Raises:
        AssertionError: it does not.
    """
    check_spec(attack, paper=True)
    game = toy_game(attack)
    check_play(attack, game)
    _check_needs(attack, game)
    check_requests(attack, game)


def check_audit(audit: Probe[Any]) -> None:
    """Check that an audit gives the same outcome for one seed, uses the models that it asks for, and leaves them
    unchanged.

    Raises:
        AssertionError: it does not.
    """
    check_spec(audit, paper=False)
    game = toy_game(audit)
    check_play(audit, game)
    check_requests(audit, game)


def check_with_attributes(probe: Probe[Any]) -> None:
    """Check that an attack or audit also works on models that need the records' sensitive attributes to predict.

    All of Amulet's attacks and audits do. One that gives its target inputs alone still works on all other models.

    Raises:
        AssertionError: it does not.
    """
    game = toy_game(probe)
    models = {
        role: [replace(each, model=_ByGroup(each.model).eval()) for each in held] for role, held in game.models.items()
    }
    try:
        probe.play(replace(game, models=models))
    except (InvalidParameter, TypeError) as error:
        raise AssertionError(
            f"{probe} must work on models that need the records' sensitive attributes: hand on records instead of "
            f"inputs, and take functions of inputs from `target.classifiers(records)`. Got: {error}"
        ) from error


def check_play(probe: Probe[Any], game: Game) -> None:
    """Check that a probe gives the right outcome, the same for one seed, and leaves all models unchanged."""
    before = {role: [state_of(each.model) for each in held] for role, held in game.models.items()}
    outcome = probe.play(game)
    if isinstance(outcome, Undefined):
        require(probe.play(game) == outcome, f"{probe} must repeat itself for one seed")
        return
    require(isinstance(outcome, probe.outcome_type), f"{probe} must give {with_article(probe.outcome_type.__name__)}")
    same = all(
        agree(state_of(each.model), state)
        for role, held in game.models.items()
        for each, state in zip(held, before[role], strict=True)
    )
    require(same, f"{probe} must leave every model of the game as it was")
    again = probe.play(game)
    repeated = not isinstance(again, Undefined) and agree(again.tensors(), outcome.tensors())
    require(repeated, f"{probe} must repeat itself for one seed")


def _check_needs(attack: Attack[Any], game: Game) -> None:
    """A narrower access must be denied to the attack. More than it declares is denied to it in any case.

    An attack that derives models from its target has its access there.
    """
    requests = (request for asked in attack.own_models(Split()).values() for request in asked)
    methods = {request.derivation for request in requests if request.derivation is not None}
    if methods:
        used = reduce(or_, (method.needs for method in methods))
        require(used == attack.needs, f"{attack} declares an access to {attack.needs} but its models need {used}")
        for method in methods:
            check_derivation(method)
        return
    for narrower in attack.needs.narrowed_by_one():
        narrowed = copy.copy(attack)
        object.__setattr__(narrowed, "needs", narrower)
        try:
            narrowed.play(game)
        except AccessDenied:
            continue
        raise AssertionError(f"{attack} declares an access to {attack.needs} but runs with {narrower}.")


def check_requests(probe: Probe[Any], game: Game) -> None:
    """Check that every model that the probe asks to be trained is looked up."""
    seen: set[tuple[str, int]] = set()
    watched = {role: _Watched(role, held, seen) for role, held in game.models.items()}
    probe.play(replace(game, models=watched))
    asked = {(role, place) for role, held in game.models.items() for place in range(len(held))}
    unused = ", ".join(sorted({role for role, _ in asked - seen}))
    require(not unused, f"{probe} must use every model that it asks for. It does not look at all of role {unused}")


class _ByGroup(AttributeModel):
    """A model that favours one group, as a model with a threshold for each group does."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.underneath = model

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """(n, classes)."""
        favour = torch.zeros_like(logits := logits_of(self.underneath, x, z))
        favour[:, -1] = 0.1 * z[:, 0]
        return logits + favour


class _Watched(Sequence[TrainedModel]):
    """The models of one role; it records which of them are looked up."""

    def __init__(self, role: str, held: Sequence[TrainedModel], seen: set[tuple[str, int]]) -> None:
        self._role, self._held, self._seen = role, held, seen

    def __len__(self) -> int:
        return len(self._held)

    @overload
    def __getitem__(self, place: int) -> TrainedModel: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[TrainedModel]: ...

    def __getitem__(self, place: int | slice) -> TrainedModel | Sequence[TrainedModel]:
        """Look up models and record their positions."""
        places = range(len(self._held))[place]
        self._seen.update((self._role, each) for each in (places if isinstance(places, range) else (places,)))
        return self._held[place]
