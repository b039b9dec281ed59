"""Abstract images: sums of random plane waves, unlike any photograph, for the trigger sets of watermarks."""

import math

import torch
from torch import Generator, Tensor

WAVES = 6
"""Waves in each image."""

HIGHEST = 4.0
"""The largest number of periods that a wave has across the image."""


def abstract_images(count: int, shape: tuple[int, int, int], rng: Generator) -> Tensor:
    """Random images of coloured waves, each channel of which covers the whole range.

    Args:
        count: the number of images.
        shape: (channels, height, width).
        rng: the source of the random choices, on the CPU.

    Returns:
        (count, channels, height, width) in [0, 1].

    Example:
        >>> images = abstract_images(2, (3, 8, 8), torch.Generator().manual_seed(0))
        >>> images.shape, images.amin().item(), images.amax().item()
        (torch.Size([2, 3, 8, 8]), 0.0, 1.0)
    """
    channels, height, width = shape
    frequency = HIGHEST * (2 * torch.rand(count, WAVES, 2, generator=rng) - 1)
    phase = 2 * math.pi * torch.rand(count, channels, WAVES, generator=rng)
    amplitude = torch.randn(count, channels, WAVES, generator=rng)
    rows, columns = torch.arange(height) / height, torch.arange(width) / width
    along = frequency[:, :, :1, None] * rows[:, None] + frequency[:, :, 1:, None] * columns  # (count, waves, h, w)
    waves = torch.cos(2 * math.pi * along[:, None] + phase[..., None, None])
    images = (amplitude[..., None, None] * waves).sum(2)
    low, high = images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)
    return (images - low) / (high - low).clamp_min(torch.finfo(images.dtype).tiny)
