"""Text from outside, such as labels, class names and messages of other code, as it is shown."""

import difflib
import math
import re
import unicodedata
from collections.abc import Iterable
from typing import Any, Final

LONGEST_LINE: Final = 2000
"""Characters of a line of a message; several of the longest names that files can have fit."""
_END: Final = 500
"""Characters that stay at the end of a longer line, where messages say what is wrong with what they quote."""
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories without a glyph: control characters, directional and zero-width formats, surrogates, private use,
unassigned code points, line and paragraph separators."""
_BLANK: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Characters of other categories that show nothing."""
_STEPS: Final = 255
"""Between black and white, in a picture with a byte for each colour."""
_FIFTEENTH: Final = 17
"""So many of these steps are 1/15."""
_KEPT: Final = frozenset("\n\t")
_UNSEEN: Final = frozenset({"Cc", "Cf", "Zl", "Zp"})
"""Those of the categories without a glyph that a reader passes over; the others are shown as a box or a sign."""
_SELECTORS: Final = frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
"""Variation selectors, which choose a form of the character before them."""


def visible(text: str) -> str:
    r"""The text with everything that has no glyph as an escape, such as \x1b or \u202e; lines and tabs stay.

    A terminal then shows control sequences instead of obeying them, and no text can hide or reorder its neighbours.
    """
    if text.isascii() and text.isprintable():
        return text
    return text.translate({ord(letter): _escaped(letter) for letter in set(text) if _is_hidden(letter)})


def shortened(text: str) -> str:
    """The text, where a line of more than `LONGEST_LINE` characters, such as one that quotes a name, lacks its middle.

    Example:
        >>> len(shortened("x" * 10_000)), shortened("The name is wrong.")
        (2005, 'The name is wrong.')
    """
    return "\n".join(
        line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - _END]} ... {line[-_END:]}"
        for line in text.split("\n")
    )


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


def look_of(text: str) -> str:
    r"""The text as a reader sees it: composed (NFC), without invisible characters, blanks of any kind as one space.

    Example:
        >>> look_of("cafe\u0301\u200b ") == look_of(" caf\u00e9")
        True
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    seen = (letter for letter in unicodedata.normalize("NFC", text) if letter.isspace() or not _is_unseen(letter))
    return " ".join("".join(seen).split())


def short_number(value: float) -> str:
    """A float with at most six digits; a multiple of 1/255 that needs more of them as the fraction that it is.

    Colours have 255 steps, so that what may be done to an image is usually stated in them. Fifteenths, such as 1/3, are
    multiples too, but rarely meant as such, and stay decimals.

    Example:
        >>> [short_number(value) for value in (8 / 255, 0.03, 0.2, 1.0, 1 / 3)]
        ['8/255', '0.03', '0.2', '1', '0.333333']
    """
    text = f"{value:.6g}"
    if float(text) == value or not math.isfinite(value):
        return text
    steps = round(value * _STEPS)
    stated_in_steps = steps % _FIFTEENTH and abs(value * _STEPS - steps) < 1e-9
    return f"{steps}/{_STEPS}" if stated_in_steps else text


def with_article(name: str) -> str:
    """The name of a class or another thing behind "a" or "an", as it is spoken.

    Example:
        >>> [with_article(name) for name in ("EvasionOutcome", "Tensor", "LSTM", "UtilityOutcome")]
        ['an EvasionOutcome', 'a Tensor', 'an LSTM', 'a UtilityOutcome']
    """
    spelled = len(name) > 1 and name[:2].isupper()  # letter by letter, as "LSTM"
    vowel = name[:1] in "AEFHILMNORSX" if spelled else name[:1].lower() in "aeiou"
    like_you = name.lower().startswith(("uni", "use", "uti", "eu"))
    return f"{'an' if vowel and not like_you else 'a'} {name}"


def is_line(text: str) -> bool:
    """Whether a reader sees something, and on one line."""
    return bool(look_of(text)) and len(text.splitlines()) == 1


def alike(names: Iterable[str]) -> tuple[str, str] | None:
    """The first two names that look the same, such as those that differ in their Unicode form; None if none do."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(look_of(name), name)
        if other != name:
            return other, name
    return None


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that somebody who wrote another one probably means; None if none is near.

    Case, blanks, "-" and "_" do not count; where that decides nothing, the most similar spelling does.

    Example:
        >>> closest("adversarial_training", ["AdversarialTraining", "PGD"]), closest("pgd", ["LiRA", "PGD"])
        ('AdversarialTraining', 'PGD')
        >>> closest("epsilom", ["steps", "epsilon"]), closest("wombat", ["steps", "epsilon"])
        ('epsilon', None)
    """
    folded = {_bare(each): each for each in reversed(list(known))}
    near = difflib.get_close_matches(_bare(name), folded, n=1)
    return folded[near[0]] if near else None


def _bare(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).casefold()


def _is_unseen(letter: str) -> bool:
    return letter in _BLANK or letter in _SELECTORS or unicodedata.category(letter) in _UNSEEN


def _is_hidden(letter: str) -> bool:
    return letter not in _KEPT and (letter in _BLANK or unicodedata.category(letter) in _HIDDEN)


def _escaped(letter: str) -> str:
    code = ord(letter)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
