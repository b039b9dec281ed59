"""Norm balls around records: where an adversarial example may lie. Madry et al. 2018, section 2."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator, Tensor

BISECTIONS = 30

Norm = Literal["linf", "l2"]
"""How the size of a perturbation is measured: its largest entry, or its Euclidean length."""


@dataclass(frozen=True, eq=False)
class Ball:
    """All x' with ||x' - x|| <= radius and low <= x' <= high, in the units of the model's inputs.

    `free` is a mask shaped like one record: where it is false, x' equals x. None leaves all free.
    """

    norm: Norm
    radius: float
    low: float
    high: float
    free: Tensor | None = None

    def sample(self, x: Tensor, rng: Generator) -> Tensor:
        """A point drawn uniformly from the norm ball around each record, clipped to the bounds."""
        if self.norm == "linf":
            noise = torch.rand(x.shape, generator=rng, device=x.device, dtype=x.dtype) * 2 - 1
        else:
            direction = unit(self.held(torch.randn(x.shape, generator=rng, device=x.device, dtype=x.dtype)))
            share = torch.rand(len(x), generator=rng, device=x.device, dtype=x.dtype)
            noise = direction * per_record(share ** (1 / self._dimensions(x)), x)
        return (x + self.radius * self.held(noise)).clamp(self.low, self.high)

    def held(self, step: Tensor) -> Tensor:
        """The step without what it does to inputs that are not free."""
        return step if self.free is None else step * self.free

    def room(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The least and the largest change of each input that the bounds allow, whatever the radius."""
        return self.held(self.low - x), self.held(self.high - x)

    def project(self, moved: Tensor, x: Tensor) -> Tensor:
        """The nearest point within both the norm ball around x, itself within the bounds, and the bounds.

        For the L2 norm that is the clipped step of some shorter length, found by bisection: projecting on
        one set and then on the other would miss it where both bind.
        """
        step = self.held(moved - x)
        if self.norm == "linf":
            return (x + step.clamp(-self.radius, self.radius)).clamp(self.low, self.high)
        low, high = self.low - x, self.high - x
        least, most = torch.zeros(2, len(x), dtype=x.dtype, device=x.device).unbind()
        most = most + 1
        fits = lengths(step.clamp(low, high)) <= self.radius
        for _ in range(BISECTIONS):
            middle = (least + most) / 2
            inside = lengths((per_record(middle, x) * step).clamp(low, high)) <= self.radius
            least, most = torch.where(inside, middle, least), torch.where(inside, most, middle)
        share = torch.where(fits, torch.ones_like(least), least)
        nearest = x + (per_record(share, x) * step).clamp(low, high)
        return nearest.clamp(self.low, self.high)  # since x + (high - x) is rounded

    def steepest(self, gradient: Tensor) -> Tensor:
        """The step of size one along which a linear function with this gradient grows fastest."""
        return gradient.sign() if self.norm == "linf" else unit(self.held(gradient))

    def size(self, step: Tensor) -> Tensor:
        """(n,) the norm of each record's perturbation."""
        return step.flatten(1).abs().amax(1) if self.norm == "linf" else lengths(step)

    def _dimensions(self, x: Tensor) -> int:
        return x[0].numel() if self.free is None else max(int(self.free.sum()), 1)


def lengths(x: Tensor) -> Tensor:
    """(n,) Euclidean length of each record."""
    norms: Tensor = torch.linalg.vector_norm(x.flatten(1), dim=1)
    return norms


def unit(x: Tensor) -> Tensor:
    """Each record scaled to length one, however short it is; zero stays zero."""
    largest = x.flatten(1).abs().amax(1).clamp_min(torch.finfo(x.dtype).tiny)
    near_one = x / per_record(largest, x)  # so that no square is rounded to zero
    return near_one / per_record(lengths(near_one).clamp_min(1e-12), x)


def per_record(values: Tensor, x: Tensor) -> Tensor:
    """(n,) values in a shape that multiplies the records of x."""
    return values.view(-1, *[1] * (x.dim() - 1))
