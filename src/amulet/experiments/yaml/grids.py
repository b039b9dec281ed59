"""Grids: a defense, an attack or an audit whose setting is a list of values stands for one with each of them."""

import typing
from collections.abc import Iterator, Mapping
from itertools import product
from math import prod
from typing import Any, Final

from amulet.core.errors import AmuletError
from amulet.core.spec import Plain, field_hints
from amulet.experiments.registry.permission import Imports
from amulet.experiments.registry.plugins import find

MOST: Final = 1000
"""The most points of one grid."""

Point = tuple[str, Plain]
"""What tells a point from the others of its grid, "epsilon 0.01, steps 5", and what would be written for it alone."""


def points(written: Plain, imports: Imports) -> tuple[Point, ...]:
    """All points of the grid in a spec that is written as {Name: {setting: value}}, or in a list of such specs.

    A list is a grid only where the setting takes no list itself. What is written in another form is one point, so that
    whoever builds it finds what is wrong.

    Args:
        written: the values as they stand in the file.
        imports: what the file may import.

    Raises:
        AmuletError: the grid has too many points.
    """
    parts = written if isinstance(written, list) else [written]
    axes = [_axes(part, imports) for part in parts]
    if (count := prod(len(values) for of_part in axes for values in of_part.values())) > MOST:
        raise AmuletError(f"A grid must have at most {MOST:,} points. This one has {count:,}.")
    found = []
    for chosen in product(*(_choices(each) for each in axes)):
        filled = [_filled(part, values) for part, values in zip(parts, chosen, strict=True)]
        text = ", ".join(f"{key} {_text(value)}" for values in chosen for key, value in values.items())
        found.append((text, filled if isinstance(written, list) else filled[0]))
    return tuple(found)


def listed_points(written: list[Plain], imports: Imports) -> list[Plain]:
    """The items of a list, each with its first point in its place, and then all further points of the grids in it."""
    found = [points(item, imports) for item in written]
    return [*(first for (_, first), *_ in found), *(plain for _, *others in found for _, plain in others)]


def _axes(written: Plain, imports: Imports) -> dict[str, list[Plain]]:
    """The settings that are lists of values although they take one value."""
    if not isinstance(written, dict) or len(written) != 1:
        return {}
    ((name, settings),) = written.items()
    try:
        hints = field_hints(find(name, imports)) if isinstance(settings, dict) else {}
    except AmuletError:
        return {}
    return {
        key: value
        for key, value in (settings.items() if isinstance(settings, dict) else ())
        if isinstance(value, list) and value and key in hints and not _takes_list(hints[key])
    }


def _choices(axes: Mapping[str, list[Plain]]) -> Iterator[dict[str, Plain]]:
    return (dict(zip(axes, values, strict=True)) for values in product(*axes.values()))


def _filled(written: Plain, chosen: Mapping[str, Plain]) -> Plain:
    if not chosen or not isinstance(written, dict):
        return written
    return {name: {**settings, **chosen} for name, settings in written.items() if isinstance(settings, dict)}


def _text(value: Plain) -> str:
    """A value as it is told; of a spec its name."""
    return next(iter(value)) if isinstance(value, dict) and value else str(value)


def _takes_list(hint: Any) -> bool:
    if typing.get_origin(hint) is tuple:
        return True
    return any(_takes_list(part) for part in typing.get_args(hint))
