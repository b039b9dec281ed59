"""Resamples of the cases of an outcome, for intervals: how values would vary with other records of the population."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from amulet.core.metric import Metric, Undefined
from amulet.core.outcome import Outcome
from amulet.core.seeds import derive
from amulet.statistics.bootstrap import draws

CHUNK: Final = 100


def resamples(outcome: Outcome, count: int, seed: int) -> Iterator[Tensor]:
    """The (n,) places of the records drawn, with replacement within each of the outcome's strata; `count` times."""
    strata = outcome.strata()
    codes = np.zeros(len(outcome), dtype=np.int64) if strata is None else strata.cpu().numpy()
    for places in draws(codes, count, np.random.default_rng(derive(seed, "resamples"))):
        yield torch.from_numpy(places)


def resampled_metrics(
    outcome: Outcome, counts: Mapping[Metric[Any], int], seed: int, told: Callable[[int], None] = lambda _: None
) -> dict[Metric[Any], NDArray[np.float64]]:
    """For each metric its values on the first of the same resamples, as many as are asked for; NaN where undefined.

    Args:
        outcome: its cases are resampled.
        counts: the number of resamples for each metric.
        seed: of the draws. Outcomes of the same records and one seed are resampled alike.
        told: called with the number of resamples done, after every hundredth.
    """
    values = {metric: np.empty(count) for metric, count in counts.items()}
    for number, places in enumerate(resamples(outcome, max(counts.values(), default=0), seed)):
        drawn = outcome.resample(places)
        for metric in counts:
            if number < counts[metric]:
                value = metric(drawn)
                values[metric][number] = np.nan if isinstance(value, Undefined) else value
        if (number + 1) % CHUNK == 0:
            told(number + 1)
    return values


def resampled(metric: Metric[Any], outcome: Outcome, count: int, seed: int) -> NDArray[np.float64]:
    """(count,) values of a metric on these resamples, NaN where it is undefined."""
    return resampled_metrics(outcome, {metric: count}, seed)[metric]
