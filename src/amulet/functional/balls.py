"""Norm balls around records: where an adversarial example may lie. Madry et al. 2018, section 2."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator, Tensor

BISECTIONS = 30

Norm = Literal["linf", "l2"]
"""How the size of a perturbation is measured: its largest entry, or its Euclidean length."""


@dataclass(frozen=True)
class Ball:
    """All x' with ||x' - x|| <= radius and low <= x' <= high, in the units of the model's inputs."""

    norm: Norm
    radius: float
    low: float
    high: float

    def sample(self, x: Tensor, rng: Generator) -> Tensor:
        """A point drawn uniformly from the norm ball around each record, clipped to the bounds."""
        if self.norm == "linf":
            noise = torch.rand(x.shape, generator=rng, device=x.device, dtype=x.dtype) * 2 - 1
        else:
            direction = unit(torch.randn(x.shape, generator=rng, device=x.device, dtype=x.dtype))
            share = torch.rand(len(x), generator=rng, device=x.device, dtype=x.dtype)
            noise = direction * _per_record(share ** (1 / x[0].numel()), x)
        return (x + self.radius * noise).clamp(self.low, self.high)

    def project(self, moved: Tensor, x: Tensor) -> Tensor:
        """The nearest point within both the norm ball around x, itself within the bounds, and the bounds.

        For the L2 norm that is the clipped step of some shorter length, found by bisection: projecting on
        one set and then on the other would miss it where both bind.
        """
        step = moved - x
        if self.norm == "linf":
            return (x + step.clamp(-self.radius, self.radius)).clamp(self.low, self.high)
        low, high = self.low - x, self.high - x
        least, most = torch.zeros(2, len(x), dtype=x.dtype, device=x.device).unbind()
        most = most + 1
        fits = lengths(step.clamp(low, high)) <= self.radius
        for _ in range(BISECTIONS):
            middle = (least + most) / 2
            inside = lengths((_per_record(middle, x) * step).clamp(low, high)) <= self.radius
            least, most = torch.where(inside, middle, least), torch.where(inside, most, middle)
        share = torch.where(fits, torch.ones_like(least), least)
        return x + (_per_record(share, x) * step).clamp(low, high)

    def steepest(self, gradient: Tensor) -> Tensor:
        """The step of size one along which a linear function with this gradient grows fastest."""
        return gradient.sign() if self.norm == "linf" else unit(gradient)

    def size(self, step: Tensor) -> Tensor:
        """(n,) the norm of each record's perturbation."""
        return step.flatten(1).abs().amax(1) if self.norm == "linf" else lengths(step)


def lengths(x: Tensor) -> Tensor:
    """(n,) Euclidean length of each record."""
    norms: Tensor = torch.linalg.vector_norm(x.flatten(1), dim=1)
    return norms


def unit(x: Tensor) -> Tensor:
    """Each record scaled to length one; zero stays zero."""
    return x / _per_record(lengths(x).clamp_min(1e-12), x)


def _per_record(values: Tensor, x: Tensor) -> Tensor:
    return values.view(-1, *[1] * (x.dim() - 1))
