"""The parts of a record that the Square attack changes in one query: squares of images, sets of tabular features.

Andriushchenko et al. 2020, https://arxiv.org/abs/1912.00049, section 3, define the attack for images. The features
of a tabular record have no neighbours, so a random set of features replaces the square, each with a random sign of
its own. The attack then does not depend on the order of the columns.

All tensors have the shape (n, channels, cells). A cell is a pixel of an image or a feature of a tabular record.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import torch
from torch import Generator, Tensor


@dataclass(frozen=True, eq=False)
class Patch:
    """One patch for each record.

    Attributes:
        mask: (n, 1, cells) bool, true for the cells of the patch.
        bump: (n, 1 or channels, cells) the form of the perturbation for L2: of Euclidean norm one in each channel, zero
            outside the patch.
    """

    mask: Tensor
    bump: Tensor


@dataclass(frozen=True)
class Patches(ABC):
    """Random patches for one kind of record.

    Attributes:
        channels: the number of channels of a record; 1 for tabular records.
        cells: the number of pixels or features.
    """

    channels: int
    cells: int

    @abstractmethod
    def stripes(self, n: int, rng: Generator) -> Tensor:
        """(n, channels, cells) random signs, the initial perturbation for L-infinity."""

    @abstractmethod
    def tiles(self, n: int, rng: Generator) -> Tensor:
        """(n, channels, cells) a random pattern, the initial perturbation for L2."""

    @abstractmethod
    def signs(self, n: int, rng: Generator) -> Tensor:
        """Random signs of one patch; they broadcast to (n, channels, cells)."""

    @abstractmethod
    def draw(self, n: int, share: float, rng: Generator) -> Patch:
        """A random patch for each of n records, of about the given share of the cells."""


def patches_for(shape: tuple[int, ...], device: torch.device) -> Patches:
    """The patches for records of a shape: squares for (channels, height, width), sets of features otherwise.

    Example:
        >>> patches_for((3, 8, 8), torch.device("cpu")).cells
        64
        >>> patches_for((5,), torch.device("cpu")).cells
        5
    """
    if len(shape) == 3:
        return Squares(shape[0], shape[1] * shape[2], shape[1], shape[2], device)
    return FeatureSets(1, int(torch.tensor(shape).prod()), device)


@final
@dataclass(frozen=True)
class FeatureSets(Patches):
    """Patches of tabular records: random sets of features."""

    device: torch.device

    def stripes(self, n: int, rng: Generator) -> Tensor:
        """A sign for each feature."""
        return random_signs((n, 1, self.cells), rng)

    def tiles(self, n: int, rng: Generator) -> Tensor:
        """A sign for each feature."""
        return random_signs((n, 1, self.cells), rng)

    def signs(self, n: int, rng: Generator) -> Tensor:
        """A sign for each feature."""
        return random_signs((n, 1, self.cells), rng)

    def draw(self, n: int, share: float, rng: Generator) -> Patch:
        """A random set of features for each record; its bump is constant over the set."""
        size = max(round(share * self.cells), 1)
        ranks = torch.rand(n, 1, self.cells, generator=rng, device=self.device).argsort(2).argsort(2)
        mask = ranks < size
        return Patch(mask, mask / size**0.5)


@final
@dataclass(frozen=True)
class Squares(Patches):
    """Patches of images: squares of pixels, with a random sign for each channel."""

    height: int
    width: int
    device: torch.device

    def stripes(self, n: int, rng: Generator) -> Tensor:
        """Vertical stripes of one pixel's width, each of a random sign in each channel."""
        columns = random_signs((n, self.channels, 1, self.width), rng)
        return columns.expand(-1, -1, self.height, -1).flatten(2)

    def tiles(self, n: int, rng: Generator) -> Tensor:
        """A grid of bumps that covers the image, each of a random sign in each channel."""
        side = max(min(self.height, self.width) // 5, 1)
        down, across = -(-self.height // side), -(-self.width // side)
        signs = random_signs((n, self.channels, down, across), rng)
        paved = signs.repeat_interleave(side, 2).repeat_interleave(side, 3)
        bumps = bump_of(side, self.device).repeat(down, across)
        return (paved * bumps)[:, :, : self.height, : self.width].flatten(2)

    def signs(self, n: int, rng: Generator) -> Tensor:
        """A sign for each channel."""
        return random_signs((n, self.channels, 1), rng)

    def draw(self, n: int, share: float, rng: Generator) -> Patch:
        """A square at a random place within the image; its bump is transposed with probability 1/2."""
        side = min(max(round((share * self.cells) ** 0.5), 1), self.height, self.width)
        rows = torch.arange(self.height, device=self.device) - self._corners(n, self.height - side, rng)
        columns = torch.arange(self.width, device=self.device) - self._corners(n, self.width - side, rng)
        inside = [(offsets >= 0) & (offsets < side) for offsets in (rows, columns)]
        mask = inside[0][:, :, None] & inside[1][:, None, :]
        places = [offsets.clamp(0, side - 1) for offsets in (rows, columns)]
        turned = torch.rand(n, 1, 1, generator=rng, device=self.device) < 0.5
        bump = bump_of(side, self.device)
        first, second = places[0][:, :, None], places[1][:, None, :]
        shaped = torch.where(turned, bump[second, first], bump[first, second]) * mask
        return Patch(mask.flatten(1)[:, None], shaped.flatten(1)[:, None])

    def _corners(self, n: int, most: int, rng: Generator) -> Tensor:
        return torch.randint(most + 1, (n, 1), generator=rng, device=self.device)


def random_signs(shape: tuple[int, ...], rng: Generator) -> Tensor:
    """A tensor of the given shape of +1 and -1, each with probability 1/2.

    Example:
        >>> random_signs((4,), torch.Generator().manual_seed(0)).abs()
        tensor([1., 1., 1., 1.])
    """
    return torch.randint(2, shape, generator=rng, device=rng.device) * 2.0 - 1


def bump_of(side: int, device: torch.device) -> Tensor:
    """(side, side) of Euclidean norm one: a positive peak above a negative one, equation (1) of the paper.

    Example:
        >>> bump_of(2, torch.device("cpu"))
        tensor([[ 0.1387,  0.6934],
                [-0.1387, -0.6934]])
    """
    upper = side // 2
    parts = [peak(rows, side, device) * sign for rows, sign in ((upper, 1.0), (side - upper, -1.0)) if rows]
    joined = torch.cat(parts)
    bump: Tensor = joined / joined.norm()
    return bump


def peak(height: int, width: int, device: torch.device) -> Tensor:
    """(height, width) values that fall with the distance from the centre: sums of 1 / (m + 1 - k)^2 for k <= M(r, s).

    Example:
        >>> peak(3, 3, torch.device("cpu"))
        tensor([[0.2500, 0.2500, 0.2500],
                [0.2500, 1.2500, 0.2500],
                [0.2500, 0.2500, 0.2500]])
    """
    half = max(height // 2, width // 2)
    rows, columns = ((torch.arange(1, size + 1, device=device) - size // 2 - 1).abs() for size in (height, width))
    depth = half - torch.maximum(rows[:, None], columns[None, :])
    terms = torch.arange(half + 1, 0, -1, device=device).double().square().reciprocal()
    heights: Tensor = terms.cumsum(0)[depth]
    return heights.float()
