"""Claims by kind of suspect. Szyller et al. 2023, https://arxiv.org/abs/2210.13631, section 4."""

from dataclasses import dataclass
from typing import final

from amulet.core.metric import Metric, Undefined
from amulet.unauthorized_model_ownership.claim_outcome import ClaimOutcome


@dataclass(frozen=True)
class RateOfKind(Metric[ClaimOutcome]):
    """Share of the suspects of one kind of which ownership is claimed.

    Attributes:
        suspects: the kind of suspects: a derivation such as "Pruning", "independent" or "other data".
    """

    low, high, margin = 0.0, 1.0, 0.05
    suspects: str = "independent"

    def __str__(self) -> str:
        """The class with the kind, even if that is the default."""
        return type(self).__name__ + self.settings(["suspects"])

    def measure(self, outcome: ClaimOutcome) -> float | Undefined:
        """In [0, 1]; undefined if there are no such suspects."""
        of_kind = outcome.kind == outcome.kinds.index(self.suspects) if self.suspects in outcome.kinds else None
        if of_kind is None or not of_kind.any():
            return Undefined(f"there are no suspects of the kind '{self.suspects}'")
        return outcome.claimed[of_kind].double().mean().item()


@final
@dataclass(frozen=True)
class ClaimRate(RateOfKind):
    """Share of the stolen models of one kind of which ownership is claimed."""

    riskier = "low"
    title = "Claims that hold:"
    meaning = "Share of the models stolen in this way of which the owner can claim ownership."


@final
@dataclass(frozen=True)
class FalseClaimRate(RateOfKind):
    """Share of the independent models of one kind of which ownership is claimed."""

    riskier = "high"
    title = "False claims:"
    meaning = "Share of the models of others of this kind of which the owner would claim ownership."
