"""How often gaps between groups are said to differ, by simulation with counts: chance alone, and gaps that are there.

As `compare` does it: values net of what chance gives, resamples of the records, intervals moved to the net difference.
`benchmarks/group_gaps.py` runs `compare` itself.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from amulet.discriminatory_behavior import DiscriminationOutcome
from amulet.discriminatory_behavior.metrics import demographic_parity
from amulet.experiments.pairs.differences import around_observed
from amulet.statistics import Resampled, Word, judge_resampled

CENSUS = (3420, 384, 124, 40, 32)
"""Records by race among 4,000 of Census."""

Shares = tuple[float, ...]
PAIRS, RESAMPLES = 60, 1600


def decided(sizes: tuple[int, ...], shares: Shares, rng: np.random.Generator) -> NDArray[np.bool_]:
    """The decisions of a lottery, group after group."""
    return np.concatenate([rng.random(size) < share for size, share in zip(sizes, shares, strict=True)])


def gaps(granted: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.float64]:
    """(...,) the largest gap, from the granted and all requests of each group."""
    return np.asarray(np.ptp(granted / sizes, axis=-1))


def word(sizes: tuple[int, ...], before: Shares, after: Shares, seed: int) -> Word:
    """The verdict on the demographic parity of two lotteries, one of two primary metrics."""
    rng, groups = np.random.default_rng(seed), np.repeat(np.arange(len(sizes)), sizes)
    decisions = [decided(sizes, shares, rng) for shares in (before, after)]
    nets = []
    for wins in map(torch.from_numpy, decisions):
        outcome = DiscriminationOutcome(torch.ones_like(wins), wins, torch.from_numpy(groups))
        value, chance = demographic_parity(outcome), demographic_parity.by_chance(outcome)
        assert isinstance(value, float)
        assert chance is not None
        nets.append(value - chance.added)
    codes = groups * 4 + decisions[0] * 2 + decisions[1]
    cells = np.bincount(codes, minlength=4 * len(sizes))
    drawn = rng.multinomial(len(groups), cells / len(groups), size=RESAMPLES).reshape(-1, len(sizes), 2, 2)
    drawn_sizes = drawn.sum((2, 3))
    differences = gaps(drawn[:, :, :, 1].sum(2), drawn_sizes) - gaps(drawn[:, :, 1].sum(2), drawn_sizes)
    observed = nets[1] - nets[0]
    resampled = Resampled(observed, around_observed(observed, differences), demographic_parity.margin)
    return judge_resampled([resampled, resampled])[0].word


def test_lotteries_fair_to_everyone_are_said_to_differ_in_at_most_a_twentieth_of_pairs() -> None:
    for before, after in ((0.5, 0.05), (0.05, 0.5)):
        said = [word(CENSUS, (before,) * 5, (after,) * 5, seed) for seed in range(PAIRS)]
        assert sum(each in {Word.INCREASES, Word.DECREASES} for each in said) <= PAIRS // 20


def test_a_gap_of_a_tenth_between_groups_of_500_is_found() -> None:
    said = [word((500, 500), (0.12, 0.02), (0.07, 0.07), seed) for seed in range(PAIRS)]
    assert said.count(Word.DECREASES) >= 0.85 * PAIRS
    assert Word.INCREASES not in said
