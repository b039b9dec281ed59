"""What was derived from content that has not changed since, so that it need not be derived again.

Small values in the folder of caches, each under a digest of everything that it follows from: what the caller names, the
source of Amulet, and the versions of the packages that it computes with. A damaged entry, or one of something else,
counts as none. What is remembered saves time and decides no number: results are in the store.
"""

import hashlib
import json
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from amulet.core.errors import Unwritable
from amulet.core.processes.shipping import software
from amulet.core.storage.cache_folder import cache_root
from amulet.core.storage.files import read_regular, replacing
from amulet.core.user_code.source import amulet_digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amulet.core.spec import Plain

MOST: Final = 1000
"""The number of entries that are kept; if there are more, the older half is deleted."""

LARGEST: Final = 2**20
"""Bytes of an entry."""


def recalled(about: "Mapping[str, Plain]") -> "Plain":
    """What was remembered; None if nothing is, or if anything that it follows from has changed.

    Args:
        about: names what is asked for, and everything that it follows from besides Amulet's source and its packages.
    """
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        found = json.loads(read_regular(_place(about), LARGEST))
        if found["about"] == _whole(about) and found["checksum"] == _digest([found["about"], found["value"]]):
            value: Plain = found["value"]
            return value
    return None


def remember(about: "Mapping[str, Plain]", value: "Plain") -> None:
    """Keep a value, other than None, for `recalled`, unless the folder of caches cannot be written.

    Nothing is kept if Amulet's source has been edited while this process ran, for the value may follow from either.
    """
    if amulet_digest() != _source():
        return
    whole = _whole(about)
    text = json.dumps({"about": whole, "value": value, "checksum": _digest([whole, value])})
    with suppress(Unwritable, OSError):
        with replacing(_place(about)) as file:
            file.write(text.encode())
        _forget_the_oldest(_folder())


def _folder() -> Path:
    return cache_root() / "remembered"


def _place(about: "Mapping[str, Plain]") -> Path:
    return _folder() / f"{_digest(_whole(about))}.json"


def _whole(about: "Mapping[str, Plain]") -> "dict[str, Plain]":
    return {**about, "software": {**software(), "source": _source()}}


@cache
def _source() -> str:
    return amulet_digest()


def _digest(value: "Plain") -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _forget_the_oldest(folder: Path) -> None:
    entries = list(folder.iterdir())
    if len(entries) > MOST:
        for place in sorted(entries, key=lambda each: each.stat().st_mtime)[: MOST // 2]:
            place.unlink(missing_ok=True)
