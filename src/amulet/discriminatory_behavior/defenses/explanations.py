"""Explanations beside predictions, for transparency. Sundararajan et al. 2017, https://arxiv.org/abs/1703.01365."""

from dataclasses import dataclass

from amulet.core.threat import Release
from amulet.core.trainable import PostHoc
from amulet.discriminatory_behavior.defenses.attributions import Gradient


@dataclass(frozen=True)
class Explanations(PostHoc):
    """Releases with each prediction how much every input contributed to it.

    It makes decisions transparent and lowers none of the eight risks. The model is that of the row without it; attacks
    that read explanations see more of it.

    Attributes:
        method: how contributions are computed: `Gradient` or `IntegratedGradients`.
    """

    family = "explanations"
    method: Release = Gradient()

    @property
    def releases(self) -> tuple[Release, ...]:
        """The explanations."""
        return (self.method,)
