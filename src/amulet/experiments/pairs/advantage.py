"""By how much an attack does better than a number or another metric, on resamples of the records."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amulet.core.metric import Metric

Values = Mapping[Metric[Any], NDArray[np.float64]]
"""For each metric of an outcome its values on the same resamples of the records, which are the last dimension."""


def advantage(metric: Metric[Any], other: float | str | None, values: Values) -> NDArray[np.float64] | None:
    """By how much a metric lies towards its riskier end, seen from a number or from another metric.

    Args:
        metric: one of those that have values.
        other: a number, or the name of a metric; the resamples that only one of the two was measured on are left out.
        values: the values of all metrics.

    Returns:
        As the values of the metric; None where neither end is riskier, or the other has no value.
    """
    base: float | NDArray[np.float64] | None
    if isinstance(other, str):
        base = next((held for each, held in values.items() if str(each) == other), None)
    else:
        base = other
    if metric.riskier is None or base is None:
        return None
    mine, sign = values[metric], 1 if metric.riskier == "high" else -1
    if isinstance(base, np.ndarray):
        shared = min(mine.shape[-1], base.shape[-1])
        mine, base = mine[..., :shared], base[..., :shared]
    return (mine - base) * sign
