"""What random search changes at a time: squares of an image, sets of a row's features.

Andriushchenko et al. 2020, https://arxiv.org/abs/1912.00049, section 3, is about images. A row of features has
no neighbourhoods, so a set of features drawn at random takes a square's place, and every feature has a sign of
its own; so the order of the columns does not matter.

Everything here is shaped (n, channels, cells), the cells being the pixels of an image or the features of a row.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import torch
from torch import Generator, Tensor


@dataclass(frozen=True, eq=False)
class Patch:
    """One patch of each record.

    Attributes:
        mask: (n, 1, cells) bool, where it lies.
        bump: (n, 1 or channels, cells) its shape for L2, zero outside, of length one in each channel.
    """

    mask: Tensor
    bump: Tensor


@dataclass(frozen=True)
class Patches(ABC):
    """How the patches of one kind of record are drawn."""

    channels: int
    cells: int

    @abstractmethod
    def stripes(self, n: int, rng: Generator) -> Tensor:
        """Signs to start from for L-infinity."""

    @abstractmethod
    def tiles(self, n: int, rng: Generator) -> Tensor:
        """A pattern to start from for L2."""

    @abstractmethod
    def signs(self, n: int, rng: Generator) -> Tensor:
        """Signs of one patch, that broadcast to (n, channels, cells)."""

    @abstractmethod
    def draw(self, n: int, share: float, rng: Generator) -> Patch:
        """A patch of about this share of the cells for each of n records."""


def patches_for(shape: tuple[int, ...], device: torch.device) -> Patches:
    """Squares for (channels, height, width), sets of features for everything else."""
    if len(shape) == 3:
        return Squares(shape[0], shape[1] * shape[2], shape[1], shape[2], device)
    return FeatureSets(1, int(torch.tensor(shape).prod()), device)


@final
@dataclass(frozen=True)
class FeatureSets(Patches):
    """Of a row: any features together."""

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
        """A set drawn anew for each record, the same height in all its features."""
        size = max(round(share * self.cells), 1)
        ranks = torch.rand(n, 1, self.cells, generator=rng, device=self.device).argsort(2).argsort(2)
        mask = ranks < size
        return Patch(mask, mask / size**0.5)


@final
@dataclass(frozen=True)
class Squares(Patches):
    """Of an image: a square of pixels, in every channel a sign of its own."""

    height: int
    width: int
    device: torch.device

    def stripes(self, n: int, rng: Generator) -> Tensor:
        """Vertical stripes, one pixel wide."""
        columns = random_signs((n, self.channels, 1, self.width), rng)
        return columns.expand(-1, -1, self.height, -1).flatten(2)

    def tiles(self, n: int, rng: Generator) -> Tensor:
        """The image paved with bumps, each of a random sign."""
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
        """A square anywhere within the image; its bump is turned at random."""
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
    """+1 and -1, alike likely."""
    return torch.randint(2, shape, generator=rng, device=rng.device) * 2.0 - 1


def bump_of(side: int, device: torch.device) -> Tensor:
    """(side, side) of length one: a positive peak over a negative one, equation (1) of the paper."""
    upper = side // 2
    parts = [peak(rows, side, device) * sign for rows, sign in ((upper, 1.0), (side - upper, -1.0)) if rows]
    joined = torch.cat(parts)
    bump: Tensor = joined / joined.norm()
    return bump


def peak(height: int, width: int, device: torch.device) -> Tensor:
    """(height, width) falling with the distance from the centre: sums of 1 / (m + 1 - k)^2 for k up to M(r, s)."""
    half = max(height // 2, width // 2)
    rows, columns = ((torch.arange(1, size + 1, device=device) - size // 2 - 1).abs() for size in (height, width))
    depth = half - torch.maximum(rows[:, None], columns[None, :])
    terms = torch.arange(half + 1, 0, -1, device=device).double().square().reciprocal()
    heights: Tensor = terms.cumsum(0)[depth]
    return heights.float()
