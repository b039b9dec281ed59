"""The digests of all results that an experiment can need: of all its seeds, on all devices."""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import fields, replace
from typing import Any

from amulet.core.spec import Spec
from amulet.core.storage.files import read_regular
from amulet.experiments.graph.store import Store
from amulet.experiments.graph.tasks import Backend, Task
from amulet.experiments.maintenance.files import Kind, files_of
from amulet.experiments.planning.plan import Plan, extended


def digests_needed(planned: Plan, devices: Iterable[str] = ()) -> frozenset[str]:
    """The digests of all tasks of a plan, with all seeds that it may add until verdicts are decided.

    Args:
        planned: the plan, for one device.
        devices: further devices, which this machine need not have. A result belongs to the device that computed it.
    """
    pairs = {trial.pair for trial in planned.trials}
    while planned.seeds < planned.experiment.looks[-1]:
        planned = extended(planned, pairs)
    found = {task.digest for task in planned.tasks}
    for device in set(devices) - {planned.device}:
        known: dict[int, Any] = {}
        found |= {_on(task, device, known).digest for task in planned.tasks}
    return frozenset(found)


def devices_in(store: Store) -> frozenset[str]:
    """The devices that results of a store were computed on."""
    found = set[str]()
    for file in files_of(store, Kind.RESULT):
        with suppress(OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError):  # it is damaged
            for task in json.loads(read_regular(file.place))["spec"].values():
                found.update(str(backend["device"]) for backend in task.get("backend", {}).values())
    return frozenset(found)


def _on(value: Any, device: str, known: dict[int, Any]) -> Any:
    """A task, or a value in its fields, as it is on another device; `known` has those that were asked for before."""
    if id(value) in known:
        return known[id(value)]
    match value:
        case Backend():
            moved: Any = replace(value, device=device)
        case tuple():
            moved = tuple(_on(item, device, known) for item in value)
        case Task() | Spec():
            parts = {item.name: getattr(value, item.name) for item in fields(value)}
            changed = {name: new for name, part in parts.items() if (new := _on(part, device, known)) is not part}
            moved = replace(value, **changed) if changed else value
        case _:
            return value
    if isinstance(value, tuple) and all(new is old for new, old in zip(moved, value, strict=True)):
        moved = value
    known[id(value)] = moved
    return moved
