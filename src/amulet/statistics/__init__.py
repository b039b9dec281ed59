"""From numbers per seed to statements about them."""

from amulet.statistics.gates import Gate, exceeds
from amulet.statistics.looks import doubling
from amulet.statistics.multiplicity import holm
from amulet.statistics.paired import Paired, paired_t
from amulet.statistics.power import seeds_to_settle
from amulet.statistics.published import Printed, Rejudged, rejudge
from amulet.statistics.summary import Summary, summarize
from amulet.statistics.verdicts import ALPHA, Comparison, Verdict, Word, explore, judge

__all__ = [
    "ALPHA",
    "Comparison",
    "Gate",
    "Paired",
    "Printed",
    "Rejudged",
    "Summary",
    "Verdict",
    "Word",
    "doubling",
    "exceeds",
    "explore",
    "holm",
    "judge",
    "paired_t",
    "rejudge",
    "seeds_to_settle",
    "summarize",
]
