"""Between which groups a defense seeks parity, and which."""

from collections.abc import Iterator, Sequence
from math import prod
from typing import Annotated, Any, Final, Literal, TypeAlias

import torch
from pydantic import BeforeValidator
from torch import Tensor
from torch.nn.functional import one_hot

from amulet.core.data import Data, Schema
from amulet.core.spec import NonNegative

Constraint = Literal["demographic_parity", "equalized_odds"]
"""Predictions independent of the group: among all records, or among the records of each true class."""

Combined: TypeAlias = str | tuple[str, ...]
"""One sensitive attribute, or several, whose groups are the combinations of their values."""


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


Attributes = Annotated[tuple[Combined, ...], BeforeValidator(_as_tuple)]
"""Sensitive attributes, each by itself; one of them may be several attributes combined."""

Strengths = Annotated[tuple[NonNegative, ...], BeforeValidator(_as_tuple)]
"""One strength for each of the attributes, or one for all."""

MOST_GROUPS: Final = 50
"""The most groups of an attribute; one with more values is a quantity, or has rare values."""


def names_of(combined: Combined) -> tuple[str, ...]:
    """The attributes that are combined; one that is not combined is alone."""
    return (combined,) if isinstance(combined, str) else combined


def number_of_groups(schema: Schema, combined: Combined) -> int:
    """How many combinations the values of the attributes have, whether there are such records or not."""
    return prod(len(schema.attribute(name).values) for name in names_of(combined))


def groups_of(data: Data, combined: Combined) -> Tensor:
    """(n,) codes of the groups, -1 for records of which an attribute is not recorded."""
    codes = torch.zeros_like(data.y)
    for name in names_of(combined):
        own = data.attribute(name)
        codes = torch.where((codes < 0) | (own < 0), -1, codes * len(data.schema.attribute(name).values) + own)
    return codes


def given_class(data: Data, constraint: Constraint) -> Tensor:
    """(n, classes) what is known of a record beside the prediction: its true class for equalized odds, else nothing."""
    if constraint == "demographic_parity":
        return torch.zeros(len(data), 0, device=data.y.device)
    return one_hot(data.y, len(data.schema.classes)).float()


def demands(schema: Schema, combined: Combined) -> Iterator[str]:
    """What a data set lacks for its records to be divided into these groups, a clause each.

    Example:
        >>> from amulet.testing import toy_dataset
        >>> list(demands(toy_dataset().schema, "race"))
        ["the sensitive attribute 'race'; the data set has: sex"]
    """
    held = ", ".join(schema.attribute_names) or "none"
    absent = [name for name in names_of(combined) if name not in schema.attribute_names]
    yield from (f"the sensitive attribute '{name}'; the data set has: {held}" for name in absent)
    if not absent and number_of_groups(schema, combined) > MOST_GROUPS:
        of, count = " and ".join(map(repr, names_of(combined))), number_of_groups(schema, combined)
        yield (
            f"at most {MOST_GROUPS} groups, and {of} would make {count:,}. Make ranges of a quantity, with pandas.cut "
            "for instance, and join rare values"
        )


def are_different(names: Sequence[Combined]) -> bool:
    """Whether there is at least one name, and none twice."""
    return len(names) > 0 and len(set(names)) == len(names)
