"""Numbers and settings as text."""

import math
from decimal import Decimal
from typing import Any, Final

from amulet.statistics import Summary

MINUS: Final = "\N{MINUS SIGN}"
NOT_GIVEN: Final = "not given"
_NOTHING: Final = 1e-6
"""What is smaller shows as zero."""
_SMALL: Final = 0.0005
_LARGE: Final = 1000


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


def setting(value: Any) -> str:
    """A plain value of a spec or manifest: None is "not given", floats are short."""
    match value:
        case None:
            return NOT_GIVEN
        case [] | ():
            return "none"
        case bool():
            return "yes" if value else "no"
        case float():
            return _without_exponent(f"{value:.6g}").replace("-", MINUS).replace("inf", "∞")
        case list() | tuple():
            return "[" + ", ".join(setting(item) for item in value) + "]"
        case _:
            return str(value)


def _without_exponent(text: str) -> str:
    """1e-05 -> 0.00001; every other text as it is."""
    return format(Decimal(text), "f") if "e" in text else text
