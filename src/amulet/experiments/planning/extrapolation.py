"""From times at a few sizes to the time at a larger one."""

from collections.abc import Mapping

import numpy as np
import scipy  # which imports its parts when they are first used, since they take long


def extrapolated(times: Mapping[float, float], size: float, degree: int = 1) -> float:
    """The time at another size: of a polynomial without negative coefficients, fitted to relative errors.

    One time alone is taken for proportional to the size.

    Args:
        times: seconds by size.
        size: for which the time is asked.
        degree: of the polynomial.

    Example:
        >>> round(extrapolated({1.0: 3.0, 2.0: 5.0}, 10.0), 6)
        21.0
    """
    if size in times:
        return times[size]
    sizes = np.array(list(times), dtype=float)
    seconds = np.array([max(taken, 1e-9) for taken in times.values()])
    powers = range(degree + 1) if len(times) > 1 else [1]
    rows = np.stack([sizes**power for power in powers], axis=1) / seconds[:, None]
    coefficients, _ = scipy.optimize.nnls(rows, np.ones(len(sizes)))
    return float(sum(each * size**power for each, power in zip(coefficients, powers, strict=True)))
