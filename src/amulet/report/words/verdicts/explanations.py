"""Sentences that say how verdicts are reached and what they do not cover."""

from typing import Final

from amulet.experiments.results.results import Results
from amulet.statistics import ALPHA

HOW_VERDICTS: Final = (
    "The verdicts on the primary metrics are tested as one family: the probability that any of them reports a change "
    f"where there is none is at most {ALPHA:.0%}, and so is the probability that any rules out a change that matters. "
    "The other metrics are exploratory: each is tested by itself, without correction for multiple comparisons."
)
SCREENED: Final = (
    "The family does not include the {} that {} screened: each of these is a family of its own. Of those in which a "
    f"change is reported, at most {ALPHA:.0%} on average have one where there is none; the same holds of those in "
    "which a change that matters is ruled out."
)
NOT_COVERED: Final = (
    "The intervals account for other training records and other initial weights, but not for the choice of the test "
    "records: every model is measured on the same ones, and with others all numbers could differ."
)
NET_SHORT: Final = "Gaps between groups: differences are net of chance."
NET_OF_CHANCE: Final = (
    "Gaps between groups are compared net of what chance gives to groups of these sizes, so that a difference is not "
    "that of the values shown."
)
PAIR_ONLY: Final = "This pair of models only"
PAIR_SHORT: Final = "Trained again, the same two recipes could differ otherwise; amulet assess measures that."
PAIR_WARNING: Final = (
    "The intervals describe how the measured difference varies with the choice of records, not how it varies from one "
    "training to the next: if the same two recipes were trained again, the result could be different. To measure the "
    "effect of the defense, and not that of these two models, use the command amulet assess, which trains both several "
    "times."
)
AUDIT_WARNING: Final = (
    "The numbers are of this one model. The 95% intervals, each by itself, describe how a value varies with the choice "
    "of records, not how it varies from one training to the next. An attack that finds nothing does not show that "
    "there is nothing to find: attacks that train models of their own are often stronger."
)
HOW_PAIR_VERDICTS: Final = (
    f"The intervals of the primary metrics are simultaneous, at a level of {1 - ALPHA:.0%}; those of the other metrics "
    "are exploratory, each by itself."
)
NOT_INTERPRETABLE: Final = "So this comparison has numbers, but no verdicts on risks."


def how_verdicts(results: Results) -> str:
    """How verdicts are reached, with what holds of rows that are screened, if there are any."""
    count = len(results.screened)
    screened = SCREENED.format(*(("row", "is") if count == 1 else (f"{count} rows", "are")))
    return f"{HOW_VERDICTS} {screened}" if count else HOW_VERDICTS
