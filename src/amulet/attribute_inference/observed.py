"""What an adversary sees of records whose sensitive attribute it does not know, or of its own."""

from collections.abc import Callable
from typing import final

import torch
from torch import Tensor

from amulet.core.data import Data
from amulet.core.errors import AccessDenied
from amulet.core.threat import Access, Target


@final
class Observed:
    """Records as the adversary sees them: what a model answers about them, and the records where it is granted.

    The sensitive attributes are not among it. Asking for more than the threat model grants raises AccessDenied.

    Args:
        parts: models with restricted access, each with the records that it is asked about.
        visible: places of the inputs that the adversary sees, in one flattened record; None if it sees no record.
    """

    def __init__(self, *parts: tuple[Target, Data], visible: Tensor | None = None) -> None:
        self._parts = parts
        self._visible = visible

    def __len__(self) -> int:
        return sum(len(data) for _, data in self._parts)

    @property
    def predictions(self) -> Tensor:
        """(n,) predicted classes."""
        return self._joined(lambda target, data: target.predictions(data))

    @property
    def probabilities(self) -> Tensor:
        """(n, classes) predicted probabilities."""
        return self._joined(lambda target, data: target.probabilities(data))

    @property
    def logits(self) -> Tensor:
        """(n, classes) outputs before the softmax."""
        return self._joined(lambda target, data: target.logits(data))

    @property
    def explanations(self) -> Tensor | None:
        """(n, inputs) flattened attributions of what is predicted for each record; None where none are released."""
        if any(target.release(Access.EXPLANATIONS) is None for target, _ in self._parts):
            return None
        return self._joined(lambda target, data: target.answers(Access.EXPLANATIONS, data).flatten(1))

    @property
    def records(self) -> Tensor:
        """(n, inputs) the visible model inputs, flattened."""
        visible = self._visible
        if visible is None:
            raise AccessDenied(
                "The attack asked for the records, but its threat model grants only what the model answers about them. "
                "Declare `sees_records = True`."
            )
        return self._joined(lambda _, data: data.as_inputs().x.flatten(1)[:, visible])

    def _joined(self, answer: Callable[[Target, Data], Tensor]) -> Tensor:
        return torch.cat([answer(target, data).to(data.y.device) for target, data in self._parts])
