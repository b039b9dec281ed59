"""Every edit of one place of a JSON document: a value left out, repeated, renamed, or replaced by another one."""

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

JUNK: Final[tuple[Any, ...]] = (
    None, True, False, -1, 0, 1, 2.5, 3, 10**30, -(10**30), 2**63, 1e308, 1e-320, float("nan"), float("inf"),
    -float("inf"), "", "x", "0", "undefended", "<script>", "\x1b[31m", "\ud800", "a" * 5000, [], [[]], [None],
    {}, {"x": 1},     [1, "a"], {"": {}}, "inf", "high",
)  # fmt: skip
"""Values of every kind, and some that stand elsewhere in results."""

Place = tuple[Any, ...]


@dataclass(frozen=True)
class Edit:
    """One edit.

    Attributes:
        place: the keys and numbers that lead to the value.
        what: is done to it.
        text: the document after the edit.
    """

    place: Place
    what: str
    text: str

    @property
    def kind(self) -> tuple[Place, str]:
        """The same for all items of a list."""
        return tuple("*" if isinstance(step, int) else step for step in self.place), self.what


def places(body: Any, place: Place = ()) -> Iterator[Place]:
    """Of every value in a document."""
    if place:
        yield place
    for key in body if isinstance(body, dict) else range(len(body)) if isinstance(body, list) else ():
        yield from places(body[key], (*place, key))


def ends(body: Any) -> list[Place]:
    """Of every value in a document, but of lists only of what lies in the first and the last item."""
    return [place for place in places(body) if _is_within(body, place)]


def _is_within(body: Any, place: Place) -> bool:
    """Whether no step of a place leads to an item in the middle of a list."""
    for step in place:
        if isinstance(body, list) and step not in {0, len(body) - 1}:
            return False
        body = body[step]
    return True


def edits_at(body: Any, place: Place) -> Iterator[Edit]:
    """All edits of the value at a place."""
    *way, key = place
    inner = body
    for step in way:
        inner = inner[step]
    before = deepcopy(inner)

    def edit(what: str) -> Edit:
        text = json.dumps(body)
        inner.clear()
        inner.extend(before) if isinstance(inner, list) else inner.update(before)
        return Edit(place, what, text)

    value = inner[key]
    for junk in JUNK:
        inner[key] = junk
        yield edit(f"set to {str(junk)[:20]!r} of type {type(junk).__name__}")
    del inner[key]
    yield edit("left out")
    if isinstance(inner, list):
        inner.insert(0, value)
        yield edit("repeated")
    else:
        inner["x"] = inner.pop(key)
        yield edit("renamed")
    if isinstance(value, int | float) and not isinstance(value, bool):
        for changed in (-value, value * 1e6, value + 1, str(value)):
            inner[key] = changed
            yield edit(f"set to {str(changed)[:20]} instead of {str(value)[:20]}")
