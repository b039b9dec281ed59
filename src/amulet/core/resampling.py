"""Resamples of the cases of an outcome, for intervals: how values would vary with other records of the population."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from amulet.core.metric import Metric, Undefined
from amulet.core.outcome import Outcome
from amulet.core.seeds import derive
from amulet.statistics.bootstrap import draws


def resamples(outcome: Outcome, count: int, seed: int) -> Iterator[Tensor]:
    """The (n,) places of the records drawn, with replacement within each of the outcome's strata; `count` times."""
    strata = outcome.strata()
    codes = np.zeros(len(outcome), dtype=np.int64) if strata is None else strata.cpu().numpy()
    for places in draws(codes, count, np.random.default_rng(derive(seed, "resamples"))):
        yield torch.from_numpy(places)


def resampled(metric: Metric[Any], outcome: Outcome, count: int, seed: int) -> NDArray[np.float64]:
    """(count,) values of a metric on these resamples, NaN where it is undefined."""
    values = (metric(outcome.resample(places)) for places in resamples(outcome, count, seed))
    return np.array([np.nan if isinstance(value, Undefined) else value for value in values])
