"""Numbers and settings as text."""

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from amulet.core.text import short_number
from amulet.statistics import Summary

MINUS: Final = "\N{MINUS SIGN}"
NOT_GIVEN: Final = "not given"
_NOTHING: Final = 1e-6
"""What is smaller shows as zero."""
_SMALL: Final = 0.0005
_LARGE: Final = 1000
SMALLEST_P: Final = 0.0001


def number(value: float) -> str:
    """Three decimals, none for large values; what would round to zero keeps one significant digit. No exponents."""
    size = abs(value)
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else f"{MINUS * (value < 0)}∞"
    if size < _NOTHING:
        return "0.000"
    text = _without_exponent(f"{size:.1g}") if size < _SMALL else f"{size:.3f}" if size < _LARGE else f"{size:,.0f}"
    return f"{MINUS * (value < 0)}{text}"


def signed(value: float) -> str:
    """A difference, its sign always shown; none for zero."""
    return f"+{number(value)}" if value >= _NOTHING else number(value)


def spread(summary: Summary) -> str:
    """The standard deviation as "± 0.012"; empty for one seed, which has none."""
    if summary.std is None:
        return ""
    return "± <0.001" if _NOTHING < summary.std < _SMALL else f"± {number(summary.std)}"


def percent(share: float, decimals: int = 0) -> str:
    """A share as a percentage. Only 0 and 1 themselves are 0% and 100%; what would round to them is "<1%" or ">99%".

    Example:
        >>> percent(0.5), percent(0.999), percent(1.0), percent(0.99999, 2)
        ('50%', '>99%', '100%', '>99.99%')
    """
    step = 10.0**-decimals
    if 0 < share < 1 and round(100 * share, decimals) in {0, 100}:
        return f"<{step:.{decimals}f}%" if share < 0.5 else f">{100 - step:.{decimals}f}%"
    return f"{share:.{decimals}%}"


def p_value(p: float) -> str:
    """Two significant digits; small ones as "below 0.0001", since no test proves that something is impossible."""
    return "below 0.0001" if p < SMALLEST_P else f"{p:.2g}"


def setting(value: Any) -> str:
    """A plain value of a spec or manifest: None is "not given", floats are short, 8/255 as it is."""
    match value:
        case None:
            return NOT_GIVEN
        case [] | ():
            return "none"
        case bool():
            return "yes" if value else "no"
        case float():
            return _without_exponent(short_number(value)).replace("-", MINUS).replace("inf", "∞")
        case list() | tuple():
            return "[" + ", ".join(setting(item) for item in value) + "]"
        case _:
            return str(value)


def listed(names: Sequence[str]) -> str:
    """At least one name as a list within a sentence.

    Example:
        >>> listed(["sex"]), listed(["sex", "race", "age"])
        ('sex', 'sex, race and age')
    """
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _without_exponent(text: str) -> str:
    """1e-05 -> 0.00001; every other text as it is."""
    return format(Decimal(text), "f") if "e" in text else text
