"""The Kolmogorov-Smirnov distance of two samples. Smirnov 1948, https://doi.org/10.1214/aoms/1177730256."""

import torch
from torch import Tensor


def kolmogorov_smirnov(first: Tensor, second: Tensor) -> float:
    """The largest difference between the distribution functions of two samples.

    It is the largest true less false positive rate of any threshold that tells one sample from the other, whichever of
    the two lies higher.

    Args:
        first: (m,) at least one number.
        second: (k,) at least one number.

    Returns:
        In 0..1. Two samples of m and k numbers from one distribution have about 0.87 * sqrt(1/m + 1/k) on average.

    Example:
        >>> kolmogorov_smirnov(torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([3.0, 4.0, 5.0, 6.0]))
        0.5
    """
    values = torch.cat([first, second]).unique()
    shares = [torch.searchsorted(each.sort().values, values, right=True) / len(each) for each in (first, second)]
    return (shares[0].double() - shares[1].double()).abs().max().item()
