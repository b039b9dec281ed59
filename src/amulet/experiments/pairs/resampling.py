"""Resamples of the records of an outcome, for the intervals of a comparison."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from amulet.core.outcome import Outcome
from amulet.core.seeds import derive
from amulet.statistics import draws


def resamples(outcome: Outcome, count: int, seed: int) -> Iterator[Tensor]:
    """The (n,) places of the records drawn, with replacement within each of the outcome's strata; `count` times."""
    strata = outcome.strata()
    codes = np.zeros(len(outcome), dtype=np.int64) if strata is None else strata.numpy()
    for places in draws(codes, count, np.random.default_rng(derive(seed, "resamples"))):
        yield torch.from_numpy(places)
