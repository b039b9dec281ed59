"""Numbers in narrow columns: two decimals, and no zero before the point."""

from typing import Final

from amulet.report.words.vocabulary.formats import MINUS

_HALF_A_HUNDREDTH: Final = 0.005


def short_value(value: float) -> str:
    """A value: ".75".

    Example:
        >>> [short_value(value) for value in (0.746, 1.0, 0.0012, 3.21, 123.4)]
        ['.75', '1.0', '.001', '3.2', '123']
    """
    return f"{MINUS if value < 0 else ''}{_size(abs(value))}"


def short_difference(difference: float) -> str:
    """A difference with its sign: "+.05"; none for what rounds to zero.

    Example:
        >>> [short_difference(value) for value in (0.048, 0.003, 0.0001, 1.26)]
        ['+.05', '+.003', '.00', '+1.3']
    """
    size = _size(abs(difference))
    if not size.strip(".0"):
        return size
    return f"{MINUS if difference < 0 else '+'}{size}"


def _size(size: float) -> str:
    if size < _HALF_A_HUNDREDTH:
        return ".00" if size < _HALF_A_HUNDREDTH / 10 else f"{size:.3f}"[1:]
    if size < 0.995:
        return f"{size:.2f}"[1:]
    return f"{size:.1f}" if size < 99.5 else f"{size:.0f}"
