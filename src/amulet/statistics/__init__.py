"""Summaries, intervals and verdicts, from one number per seed or per bootstrap resample of the records."""

from amulet.statistics.bootstrap import Resampled, draws, explore_resampled, fewest_resamples, judge_resampled
from amulet.statistics.comparison import Comparison
from amulet.statistics.epsilon_bound import best_of_sizes
from amulet.statistics.gates import Gate, exceeds, exceeds_resampled, withstands, worst_gate
from amulet.statistics.judging import explore, judge, screen
from amulet.statistics.looks import doubling
from amulet.statistics.multiplicity import holm
from amulet.statistics.paired import Paired, paired_t
from amulet.statistics.power import seeds_to_settle
from amulet.statistics.published import Printed, Rejudged, rejudge
from amulet.statistics.rank_correlation import FEWEST as FEWEST_PAIRS
from amulet.statistics.rank_correlation import RankCorrelation, rank_correlation
from amulet.statistics.summary import Summary, summarize
from amulet.statistics.verdicts import ALPHA, CHANGES, Verdict, Word

__all__ = [
    "ALPHA",
    "CHANGES",
    "FEWEST_PAIRS",
    "Comparison",
    "Gate",
    "Paired",
    "Printed",
    "RankCorrelation",
    "Rejudged",
    "Resampled",
    "Summary",
    "Verdict",
    "Word",
    "best_of_sizes",
    "doubling",
    "draws",
    "exceeds",
    "exceeds_resampled",
    "explore",
    "explore_resampled",
    "fewest_resamples",
    "holm",
    "judge",
    "judge_resampled",
    "paired_t",
    "rank_correlation",
    "rejudge",
    "screen",
    "seeds_to_settle",
    "summarize",
    "withstands",
    "worst_gate",
]
