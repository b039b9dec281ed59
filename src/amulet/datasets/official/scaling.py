"""Numbers to [0, 1], learned from training records only."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def scale_to_unit(
    train: pd.DataFrame, test: pd.DataFrame, quantiles: tuple[float, float] = (0.01, 0.99)
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Both parts, shape (n, columns), float32 in [0, 1].

    Missing values become the training median; numbers are clipped at the training data's `quantiles`
    (columns of zeros and ones are left alone), so that test records cannot lie outside the bounds. Where the two
    quantiles are the same, as in a column that is rarely other than zero, they are the least and largest value
    instead; a column that does not vary becomes zero.
    """
    learned, other = (part.astype(float).to_numpy() for part in (train, test))  # one block, however many columns
    median = pd.DataFrame(learned).median().to_numpy()
    filled = _filled(learned, median)
    low, high = (np.percentile(filled, 100 * share, axis=0) for share in quantiles)
    same = low == high
    low, high = np.where(same, filled.min(axis=0), low), np.where(same, filled.max(axis=0), high)
    binary = np.isin(filled, (0, 1)).all(axis=0)
    low, high = np.where(binary, 0.0, low), np.where(binary, 1.0, high)
    span = np.where(high > low, high - low, 1.0)
    first, second = (
        _clipped((_clipped(part, low, high) - low) / span, 0.0, 1.0).astype(np.float32)
        for part in (filled, _filled(other, median))
    )
    return first, second


def _filled(numbers: NDArray[np.float64], missing: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isnan(numbers), missing, numbers)


def _clipped(
    numbers: NDArray[np.float64], low: NDArray[np.float64] | float, high: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """The numbers within bounds; unlike `np.clip`, it leaves the sign of a zero as it is."""
    raised = np.where(numbers < low, low, numbers)
    return np.where(raised > high, high, raised)
