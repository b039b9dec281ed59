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
    train, test = train.astype(float), test.astype(float)
    filled = train.fillna(train.median())
    low, high = (filled.quantile(share) for share in quantiles)
    same = low == high
    low, high = low.mask(same, filled.min()), high.mask(same, filled.max())
    binary = filled.isin([0, 1]).all()
    low, high = low.mask(binary, 0.0), high.mask(binary, 1.0)
    span = (high - low).where(high > low, 1.0)
    parts = (((part.fillna(train.median()).clip(low, high, axis=1)) - low) / span for part in (train, test))
    first, second = (part.clip(0, 1).to_numpy(dtype=np.float32) for part in parts)
    return first, second
