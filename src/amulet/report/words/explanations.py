"""Sentences that say how verdicts are reached and what they do not cover."""

from typing import Final

from amulet.statistics import ALPHA

HOW_VERDICTS: Final = (
    "The verdicts of the primary metrics are judged together: the chance that any of them tells of a change where "
    f"there is none is at most {ALPHA:.0%}, and so is the chance that any denies one that matters. The other metrics "
    "are exploratory, each judged by itself."
)
NOT_COVERED: Final = (
    "Intervals cover other training records and other initial weights. They do not cover the choice of the test "
    "records: every model is measured on the same ones, and with others all numbers could lie elsewhere."
)
PAIR_ONLY: Final = "This pair of models only"
PAIR_WARNING: Final = (
    "The intervals say how the measured difference would vary with other records. They do not say how it would vary "
    "with other trainings: train the same two recipes again, and it may come out otherwise. To learn what the defense "
    "does, and not what these two models do, use the command amulet assess, which trains both several times."
)
HOW_PAIR_VERDICTS: Final = (
    f"The intervals of the primary metrics hold together with probability {1 - ALPHA:.0%}; those of the other metrics "
    "are exploratory, each by itself."
)
