"""Structural similarity of images. Wang et al. 2004, https://doi.org/10.1109/TIP.2003.819861, equation 13."""

from typing import Final

from torch import Tensor
from torch.nn.functional import avg_pool2d

WINDOW: Final = 7
"""Height and width of the windows, in pixels; smaller images have no structural similarity."""

K1, K2 = 0.01, 0.03


def ssim(first: Tensor, second: Tensor, data_range: float) -> Tensor:
    """The mean structural similarity of pairs of images, by the definition that scikit-image has as its default.

    Means, variances and the covariance are those of uniform windows of 7 x 7 pixels, with the factor 49/48 of a sample.
    All windows that lie within the image count alike, and so do all channels.

    Args:
        first: (n, channels, height, width) images of at least 7 x 7 pixels.
        second: likewise.
        data_range: the largest less the smallest value that a pixel can have, not that which occurs.

    Returns:
        (n,) similarities in [-1, 1], float64; 1 for equal images.

    Example:
        >>> import torch
        >>> image = torch.arange(64.0).view(1, 1, 8, 8) / 63
        >>> ssim(image, image, 1.0), ssim(image, 1 - image, 1.0)
        (tensor([1.], dtype=torch.float64), tensor([-0.9549], dtype=torch.float64))
    """
    first, second = first.double(), second.double()
    sample = WINDOW**2 / (WINDOW**2 - 1)
    mean, other_mean = _windowed(first), _windowed(second)
    variance = sample * (_windowed(first * first) - mean * mean)
    other_variance = sample * (_windowed(second * second) - other_mean * other_mean)
    covariance = sample * (_windowed(first * second) - mean * other_mean)
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    luminance = (2 * mean * other_mean + c1) / (mean * mean + other_mean * other_mean + c1)
    structure = (2 * covariance + c2) / (variance + other_variance + c2)
    return (luminance * structure).flatten(1).mean(1)


def _windowed(images: Tensor) -> Tensor:
    """The mean of every window."""
    return avg_pool2d(images, WINDOW, stride=1)
