"""What evasion attacks share: what they may change, and how they take turns on the records that still stand."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from math import prod, sqrt
from typing import Final, Protocol, TypeVar

import torch
from torch import Tensor

from amulet.core.data import Data, Modality, Schema, batch_size
from amulet.core.records.columns import columns_of
from amulet.core.threat import Adversary, Target
from amulet.functional.perturbations.balls import Ball, Norm
from amulet.functional.perturbations.pgd import Classifier

PIXEL_VALUES: Final = 255
"""Below this, a whole number as epsilon looks like one of pixel values."""

PIXEL_SPAN: Final = 2.0
"""Inputs of a larger range than [-1, 1] are no scaled pixels."""

RUNGS: Final = (0.25, 0.5, 0.75)
"""Shares of epsilon at which the security curve is measured, besides the whole."""

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
    free = free_inputs(attack, schema)
    return Ball(attack.norm, attack.epsilon, schema.low, schema.high, None if free is None else free.to(device))


def usual_epsilon(schema: Schema) -> float:
    """A radius, in the L-infinity norm, that is usual for records of this kind.

    It is 8/255 of the inputs' range for colour images (Madry et al. 2018, https://arxiv.org/abs/1706.06083, section 5),
    a tenth for grey ones, and a twentieth for tabular records.

    Example:
        >>> usual_epsilon(Schema(Modality.TABULAR, (4,), ("no", "yes")))
        0.05
    """
    share = 0.05
    if schema.modality is Modality.IMAGE:
        share = 0.1 if schema.shape[0] == 1 else 8 / 255
    return share * (schema.high - schema.low)


def free_inputs(attack: Bounded, schema: Schema) -> Tensor | None:
    """Mask shaped like one record of the inputs that may change; None where nothing is frozen."""
    if not attack.frozen:
        return None
    free = torch.ones(schema.shape, dtype=torch.bool)
    free[[place for each in attack.frozen for place in columns_of(each, schema)]] = False
    return free


def budget_of(attack: Bounded) -> str:
    """The same text for the same ball."""
    held = f", {', '.join(sorted(str(each) for each in attack.frozen))} frozen" if attack.frozen else ""
    return f"{attack.norm} <= {attack.epsilon:g}{held}"


def ball_demands(attack: Bounded, schema: Schema) -> Iterator[str]:
    """Why the ball makes no sense for these records, a sentence each: frozen features, an epsilon without effect."""
    lacking = tuple(_frozen_demands(attack, schema))
    yield from lacking or _range_demands(attack, schema)


def _range_demands(attack: Bounded, schema: Schema) -> Iterator[str]:
    """A ball that holds every possible record bounds nothing."""
    free = free_inputs(attack, schema)
    count = prod(schema.shape) if free is None else int(free.sum())
    span = schema.high - schema.low
    reach = span if attack.norm == "linf" else span * sqrt(count)
    if count and attack.epsilon >= reach:
        text = f"The 'epsilon' of {type(attack).__name__} must be below {reach:g}, since the inputs lie in "
        text += f"[{schema.low:g}, {schema.high:g}] and a larger ball holds every record. Got {attack.epsilon:g}"
        pixels = attack.epsilon.is_integer() and attack.epsilon < PIXEL_VALUES and span <= PIXEL_SPAN
        yield f"{text}; is {attack.epsilon:g}/255 meant, {attack.epsilon / 255:.5f}?" if pixels else f"{text}."


def _frozen_demands(attack: Bounded, schema: Schema) -> Iterator[str]:
    if attack.frozen and len(schema.shape) != 1:
        yield "Only features of tabular data can be frozen."
        return
    for each in attack.frozen:
        if not columns_of(each, schema):
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
    standing = (target.predictions(victims) == victims.y) | adversary.rehearsing
    for attempt in attempts:
        if not standing.any():
            break
        found[standing] = attempt(victims[standing]).detach()
        standing = target.predictions(replace(victims, x=found)) == victims.y
    return found
