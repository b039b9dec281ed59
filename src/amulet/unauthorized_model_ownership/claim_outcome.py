"""S3, claims of ownership: the outcome."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self, final

import torch
from torch import Tensor

from amulet.core.outcome import Outcome

FEWEST_SUSPECTS: Final = 3
"""The smallest number of stolen, or of independent, suspects from which a rate is stated."""


@final
@dataclass(frozen=True, eq=False)
class ClaimOutcome(Outcome):
    """The p-value of a claim of ownership against each suspected model, and whether the suspect is a stolen one.

    Attributes:
        p: (n,) float64, p-values of the claim that the suspect was made from the owner's model.
        stolen: (n,) bool, whether it was.
        kind: (n,) places in `kinds`, what the suspect is.
        names: the names of the kinds as UTF-8 bytes, separated by line feeds.
        level: (1,) float64, ownership is claimed of suspects with a p-value of at most this.

    Example:
        >>> from amulet.unauthorized_model_ownership.metrics import claim_accuracy
        >>> suspects = {"Pruning": [1e-9, 1e-4], "Extraction": [0.2], "independent": [0.3, 0.6, 0.004]}
        >>> claim_accuracy(ClaimOutcome.of(suspects, stolen={"Pruning", "Extraction"}, level=0.01))
        0.6666666666666666
    """

    unit = "suspect"
    truth = ("stolen", "kind")
    constants = ("names", "level")
    optional = ()

    p: Tensor
    stolen: Tensor
    kind: Tensor
    names: Tensor
    level: Tensor

    @classmethod
    def of(cls, p: Mapping[str, list[float]], *, stolen: set[str], level: float) -> Self:
        """The outcome from the p-values of suspects by kind, and the kinds that are stolen."""
        kinds = [(place, name, value) for place, (name, values) in enumerate(p.items()) for value in values]
        return cls(
            p=torch.tensor([value for _, _, value in kinds], dtype=torch.float64),
            stolen=torch.tensor([name in stolen for _, name, _ in kinds]),
            kind=torch.tensor([place for place, _, _ in kinds]),
            names=torch.tensor(list("\n".join(p).encode()), dtype=torch.uint8),
            level=torch.tensor([level], dtype=torch.float64),
        )

    @property
    def kinds(self) -> tuple[str, ...]:
        """The names of the kinds of suspects."""
        return tuple(bytes(self.names.tolist()).decode().split("\n"))

    @property
    def claimed(self) -> Tensor:
        """(n,) bool, whether ownership of the suspect is claimed at the level of the outcome."""
        return self.p <= self.level

    def check(self) -> None:
        """P-values lie in [0, 1]."""
        if not ((self.p >= 0) & (self.p <= 1)).all():
            raise ValueError("The p-values of claims must lie in [0, 1].")
