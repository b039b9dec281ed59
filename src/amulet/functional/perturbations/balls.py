"""Norm balls around records, the sets in which adversarial examples are sought. Madry et al. 2018, section 2."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator, Tensor

BISECTIONS = 30
"""Halvings of the interval in which the length of a projected step is sought."""

Norm = Literal["linf", "l2"]
"""The norm of a perturbation: "linf", its largest absolute entry, or "l2", its Euclidean length."""


@dataclass(frozen=True, eq=False)
class Ball:
    """A perturbation set: all x' with ||x' - x|| <= radius and low <= x' <= high.

    Attributes:
        norm: the norm of the perturbation.
        radius: its largest size (epsilon), in the units of the model's inputs.
        low, high: bounds of every input.
        free: bool mask of the shape of one record, false for inputs that the attacker cannot change; None if it can
            change all.

    Example:
        >>> x = torch.tensor([[0.5, 0.9]])
        >>> Ball("linf", 0.2, low=0.0, high=1.0).project(torch.tensor([[0.0, 1.5]]), x)
        tensor([[0.3000, 1.0000]])
    """

    norm: Norm
    radius: float
    low: float
    high: float
    free: Tensor | None = None

    def sample(self, x: Tensor, rng: Generator) -> Tensor:
        """(n, *shape) a uniform draw from the norm ball around each record, clipped to the bounds."""
        if self.norm == "linf":
            noise = torch.rand(x.shape, generator=rng, device=x.device, dtype=x.dtype) * 2 - 1
        else:
            direction = unit(self.held(torch.randn(x.shape, generator=rng, device=x.device, dtype=x.dtype)))
            share = torch.rand(len(x), generator=rng, device=x.device, dtype=x.dtype)
            noise = direction * per_record(share ** (1 / self._dimensions(x)), x)
        return (x + self.radius * self.held(noise)).clamp(self.low, self.high)

    def held(self, step: Tensor) -> Tensor:
        """The step, set to zero for inputs that the attacker cannot change."""
        return step if self.free is None else step * self.free

    def room(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The smallest and the largest change of each input that the bounds allow, without regard to the radius."""
        return self.held(self.low - x), self.held(self.high - x)

    def project(self, moved: Tensor, x: Tensor) -> Tensor:
        """The Euclidean projection of `moved` onto the intersection of the norm ball around x and the bounds.

        For the L2 norm it is the step from x, scaled down and then clipped to the bounds; the scale is found by
        bisection. Projecting onto the ball and then onto the bounds would not give the nearest point where both
        constraints are active. x itself must lie within the bounds.
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
        return nearest.clamp(self.low, self.high)  # because rounding can take x + (high - x) beyond high

    def steepest(self, gradient: Tensor) -> Tensor:
        """The direction of steepest ascent: the step of norm one that maximises its product with the gradient."""
        return gradient.sign() if self.norm == "linf" else unit(self.held(gradient))

    def size(self, step: Tensor) -> Tensor:
        """(n,) the norm of each record's perturbation."""
        return step.flatten(1).abs().amax(1) if self.norm == "linf" else lengths(step)

    def _dimensions(self, x: Tensor) -> int:
        return x[0].numel() if self.free is None else max(int(self.free.sum()), 1)


def lengths(x: Tensor) -> Tensor:
    """(n,) Euclidean norm of each record of x (n, *shape).

    Example:
        >>> lengths(torch.tensor([[3.0, 4.0]]))
        tensor([5.])
    """
    norms: Tensor = torch.linalg.vector_norm(x.flatten(1), dim=1)
    return norms


def unit(x: Tensor) -> Tensor:
    """The records of x (n, *shape), each scaled to Euclidean norm one; a record of zeros stays as it is.

    Example:
        >>> unit(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
        tensor([[0.6000, 0.8000],
                [0.0000, 0.0000]])
    """
    largest = x.flatten(1).abs().amax(1).clamp_min(torch.finfo(x.dtype).tiny)
    near_one = x / per_record(largest, x)  # so that the squares of small numbers do not underflow
    return near_one / per_record(lengths(near_one).clamp_min(1e-12), x)


def per_record(values: Tensor, x: Tensor) -> Tensor:
    """The (n,) values, reshaped to (n, 1, ..., 1) so that they broadcast over the records of x (n, *shape).

    Example:
        >>> per_record(torch.tensor([1.0, 2.0]), torch.zeros(2, 3, 8, 8)).shape
        torch.Size([2, 1, 1, 1])
    """
    return values.view(-1, *[1] * (x.dim() - 1))
