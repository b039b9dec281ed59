"""Labels in narrow columns, cut where they differ least."""

from rich.cells import cell_len


def cut(text: str, room: int) -> str:
    """The text in at most `room` columns; a longer one loses its middle, since labels often differ at their ends.

    Example:
        >>> cut("DP-SGD, epsilon 8", 15), cut("DP-SGD", 15), cut("DP-SGD", 0)
        ('DP-SGD,…silon 8', 'DP-SGD', '…')
    """
    if cell_len(text) <= room:
        return text
    halves = ((text[: kept - kept // 2], text[len(text) - kept // 2 :]) for kept in range(room - 1, 0, -1))
    shorter = (f"{first}…{last}" for first, last in halves)
    return next((each for each in shorter if cell_len(each) <= room), "…")
