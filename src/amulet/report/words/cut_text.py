"""Labels in narrow columns, cut where they differ least."""


def cut(text: str, room: int) -> str:
    """The text in at most `room` characters; a longer one loses its middle, since labels often differ at their ends.

    Example:
        >>> cut("DP-SGD, epsilon 8", 15), cut("DP-SGD", 15)
        ('DP-SGD,…silon 8', 'DP-SGD')
    """
    if len(text) <= room:
        return text
    end = (room - 1) // 2
    return f"{text[: room - 1 - end]}…{text[len(text) - end :]}"
