"""Between which groups a defense seeks parity, and which."""

from typing import Annotated, Any, Literal

import torch
from pydantic import BeforeValidator
from torch import Tensor
from torch.nn.functional import one_hot

from amulet.core.data import Data
from amulet.core.groups import Combined
from amulet.core.spec import NonNegative

Constraint = Literal["demographic_parity", "equalized_odds"]
"""Predictions independent of the group: among all records, or among the records of each true class."""


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


Attributes = Annotated[tuple[Combined, ...], BeforeValidator(_as_tuple)]
"""Sensitive attributes, each by itself; one of them may be several attributes combined."""

Strengths = Annotated[tuple[NonNegative, ...], BeforeValidator(_as_tuple)]
"""One strength for each of the attributes, or one for all."""


def given_class(data: Data, constraint: Constraint) -> Tensor:
    """(n, classes) what is known of a record beside the prediction: its true class for equalized odds, else nothing."""
    if constraint == "demographic_parity":
        return torch.zeros(len(data), 0, device=data.y.device)
    return one_hot(data.y, len(data.schema.classes)).float()
