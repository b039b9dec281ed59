"""Durations as people say them."""

from typing import Final

_UNITS: Final = ((120.0, 1.0, "seconds"), (7200.0, 60.0, "minutes"), (float("inf"), 3600.0, "hours"))
"""Up to how many seconds a unit is used, and how many seconds it has."""


def duration(seconds: float) -> str:
    """In seconds below two minutes, in minutes below two hours, else in hours.

    Example:
        >>> duration(0.25), duration(400), duration(5e6)
        ('0.2 seconds', '6.7 minutes', '1,389 hours')
    """
    size, unit = next((size, unit) for until, size, unit in _UNITS if seconds < until)
    count = seconds / size
    return f"{count:,.0f} {unit}" if count >= 100 else f"{count:.1f} {unit}"
