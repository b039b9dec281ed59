"""The columns of tabular records by name: single columns, one-hot groups, and those that hold a sensitive attribute."""

from collections.abc import Mapping
from typing import Final

from amulet.core.data import Schema

ONE_HOT: Final = "one-hot"
"""In place of a column's name: all columns of all one-hot groups."""


def one_hot_groups(schema: Schema) -> Mapping[str, tuple[int, ...]]:
    """The columns of each one-hot encoded variable, by its name; they are recognised by names "variable=value".

    Example:
        >>> from amulet.core.data import Modality
        >>> one_hot_groups(Schema(Modality.TABULAR, (3,), ("no", "yes"), features=("age", "job=none", "job=nurse")))
        {'job': (1, 2)}
    """
    groups: dict[str, tuple[int, ...]] = {}
    for place, name in enumerate(schema.features):
        variable, sign, _ = name.partition("=")
        if sign:
            groups[variable] = (*groups.get(variable, ()), place)
    return groups


def columns_of(feature: int | str, schema: Schema) -> list[int]:
    """The places that a column, a one-hot group or all groups stand for, ascending; none if there is no such column.

    Args:
        feature: the place of a column, its name, the name of a one-hot group, or "one-hot" for all groups.
        schema: of tabular records.

    Example:
        >>> from amulet.core.data import Modality
        >>> table = Schema(Modality.TABULAR, (3,), ("no", "yes"), features=("age", "job=none", "job=nurse"))
        >>> columns_of("job", table), columns_of("age", table), columns_of("sex", table)
        ([1, 2], [0], [])
    """
    if isinstance(feature, int):
        return [feature] if 0 <= feature < schema.shape[0] else []
    groups = one_hot_groups(schema)
    wanted = {place for name, places in groups.items() if feature in {name, ONE_HOT} for place in places}
    return sorted(wanted | {place for place, name in enumerate(schema.features) if name == feature})
