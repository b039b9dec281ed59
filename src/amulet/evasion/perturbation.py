"""What evasion attacks share: what they may change, and how they take turns on the records that still stand."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final, Protocol, TypeVar

import torch
from torch import Tensor

from amulet.core.data import Data, Schema, batch_size
from amulet.core.threat import Adversary, Target
from amulet.functional.balls import Ball, Norm
from amulet.functional.pgd import Classifier

RUNGS: Final = (0.25, 0.5, 0.75)
"""Shares of epsilon at which the security curve is measured, besides the whole."""

ONE_HOT: Final = "one-hot"
"""In `frozen`: all columns of all one-hot groups."""

Frozen = tuple[int | str, ...]
"""Features that an attacker cannot change: places, names, names of one-hot groups, or "one-hot" for all groups."""

Attempt = Callable[[Data], Tensor]
"""Records to move -> where to, shaped like their x."""


class Bounded(Protocol):
    """An attack whose strength is the radius of a ball."""

    @property
    def epsilon(self) -> float: ...

    @property
    def norm(self) -> Norm: ...

    @property
    def frozen(self) -> Frozen: ...


B = TypeVar("B", bound=Bounded)


def ball_of(attack: Bounded, schema: Schema, device: torch.device) -> Ball:
    """Where the attack's examples may lie."""
    free = None
    if attack.frozen:
        free = torch.ones(schema.shape, dtype=torch.bool, device=device)
        free[[place for each in attack.frozen for place in _columns(each, schema)]] = False
    return Ball(attack.norm, attack.epsilon, schema.low, schema.high, free)


def budget_of(attack: Bounded) -> str:
    """The same text for the same ball."""
    held = f", {', '.join(sorted(str(each) for each in attack.frozen))} frozen" if attack.frozen else ""
    return f"{attack.norm} <= {attack.epsilon:g}{held}"


def frozen_demands(attack: Bounded, schema: Schema) -> Iterator[str]:
    """What the data set lacks for the features to be frozen, a sentence each."""
    if attack.frozen and len(schema.shape) != 1:
        yield "Only features of tabular data can be frozen."
        return
    for each in attack.frozen:
        if not _columns(each, schema):
            known = ", ".join(schema.features) or f"places 0..{schema.shape[0] - 1}, for its features have no names"
            yield f"There is no feature {each!r} to be frozen. The data set has {known}."


def rungs_of(attack: B) -> tuple[tuple[float, B], ...]:
    """The same attack in smaller balls, by epsilon, ascending, itself the last; none for a ball without extent."""
    if attack.epsilon == 0:
        return ()
    weaker = [replace(attack, epsilon=share * attack.epsilon) for share in RUNGS]  # type: ignore[type-var]
    return tuple((each.epsilon, each) for each in (*weaker, attack))


def on_each_classifier(target: Target, victims: Data, search: Callable[[Classifier, Data], Tensor]) -> Tensor:
    """What a search finds for each record, given the target as a function of inputs alone; shaped like their x."""
    parts = list(target.classifiers(victims))
    if len(parts) == 1:
        return search(parts[0][1], victims)
    found = victims.x.clone()
    for places, model in parts:
        found[places] = search(model, victims[places]).detach()
    return found


def in_turn(adversary: Adversary, victims: Data, attempts: Callable[[], Iterable[Attempt]]) -> Tensor:
    """The first attempt that the target gets wrong, record by record; else the last one.

    Each attempt is given the records that still stand, so a record that is wrong as it is stays as it is; an
    adversary that rehearses on a surrogate moves it all the same, since the true target may be right.
    """
    batches = torch.arange(len(victims), device=victims.x.device).split(batch_size(victims.schema.shape))
    return torch.cat([_batch_in_turn(adversary, victims[places], attempts()) for places in batches])


def _batch_in_turn(adversary: Adversary, victims: Data, attempts: Iterable[Attempt]) -> Tensor:
    found, target = victims.x.clone(), adversary.target
    standing = (target.labels(victims) == victims.y) | adversary.rehearsing
    for attempt in attempts:
        if not standing.any():
            break
        found[standing] = attempt(victims[standing]).detach()
        standing = target.labels(replace(victims, x=found)) == victims.y
    return found


def _columns(feature: int | str, schema: Schema) -> list[int]:
    """The places that a feature, a group or all groups stand for; none where there is no such feature."""
    if isinstance(feature, int):
        return [feature] if 0 <= feature < schema.shape[0] else []
    groups = [name.partition("=")[0] if "=" in name else None for name in schema.features]
    named = zip(schema.features, groups, strict=True)
    wanted = [feature in {name, group} or (feature == ONE_HOT and group is not None) for name, group in named]
    return [place for place, is_wanted in enumerate(wanted) if is_wanted]
