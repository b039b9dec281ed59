"""Text from outside, such as labels, class names and messages of other code, as it is shown."""

import unicodedata
from typing import Any, Final

_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories without a glyph: control characters, directional and zero-width formats, surrogates, private use,
unassigned code points, line and paragraph separators."""
_BLANK: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Characters of other categories that show nothing."""
_KEPT: Final = frozenset("\n\t")


def visible(text: str) -> str:
    r"""The text with everything that has no glyph as an escape, such as \x1b or \u202e; lines and tabs stay.

    A terminal then shows control sequences instead of obeying them, and no text can hide or reorder its neighbours.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(letter) if _is_hidden(letter) else letter for letter in text)


def visible_within(value: Any) -> Any:
    """A plain value with each text in it, keys too, as `visible` shows it."""
    match value:
        case str():
            return visible(value)
        case dict():
            return {visible_within(key): visible_within(item) for key, item in value.items()}
        case list() | tuple():
            return [visible_within(item) for item in value]
        case _:
            return value


def _is_hidden(letter: str) -> bool:
    return letter not in _KEPT and (letter in _BLANK or unicodedata.category(letter) in _HIDDEN)


def _escaped(letter: str) -> str:
    code = ord(letter)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
