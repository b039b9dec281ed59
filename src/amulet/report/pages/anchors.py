"""Addresses within a page: what follows the # in a link to one cell."""

import re
import unicodedata
from collections.abc import Mapping, Sequence

_LONGEST = 60


def row_slugs(rows: Sequence[str]) -> Mapping[str, str]:
    """A short name for each row in lower case, with letters, digits and dashes only, each once.

    Example:
        >>> list(row_slugs(["DP-SGD", "dp sgd", "<b>"]).values())
        ['dp-sgd', 'dp-sgd-2', 'b']
    """
    slugs: dict[str, str] = {}
    for row in rows:
        base, slug, number = _slug(row), _slug(row), 1
        while slug in slugs.values():
            number += 1
            slug = f"{base}-{number}"
        slugs[row] = slug
    return slugs


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:_LONGEST].strip("-") or "row"
