"""The validity check "model" of a pair: whether each model has learned anything. If not, its risks say nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from amulet.core.measurements.resampling import resampled
from amulet.core.metric import Undefined
from amulet.core.outcome import Outcome
from amulet.experiments.pairs.results import PairCell
from amulet.experiments.pairs.shared_game import SharedGame
from amulet.experiments.results.checks.gates import Checked, above_one_class, model_check
from amulet.statistics import Gate, Word, exceeds_resampled, fewest_resamples
from amulet.utility import PredictionOutcome, Utility
from amulet.utility.metrics import balanced_accuracy

NAMES = ("before", "after")
JUDGED = frozenset({Word.INCREASES, Word.DECREASES, Word.NO_CHANGE, Word.NO_LEAK, Word.INCONCLUSIVE})


def learned(game: SharedGame, seed: int) -> tuple[Checked, ...]:
    """Whether the balanced accuracy of each model on the test records is above that of always naming one class.

    An assessment asks the same of the models of a row over its seeds. With one model there are no seeds, so that the
    bounds are those of resamples of the records.
    """
    played = game.play(Utility(), seed)
    outcomes = (None, None) if isinstance(played, Undefined) else played
    classes = len(game.records.schema.classes)
    return tuple(
        model_check(name, learned_anything(outcome, classes, seed))
        for name, outcome in zip(NAMES, outcomes, strict=True)
    )


def interpretable(cells: Sequence[PairCell], checks: Sequence[Checked]) -> Iterator[PairCell]:
    """The cells, without verdicts on risks if a model has learned nothing; those on utility show that, and stay."""
    failed = " and ".join(check.row for check in checks if check.state is Gate.FAILED)
    reason = f"a model that has learned nothing has no risks that matter ({failed})"
    for cell in cells:
        if failed and cell.verdict.word in JUDGED and cell.column.risk != Utility.risk:
            yield replace(cell, verdict=replace(cell.verdict, word=Word.NOT_INTERPRETABLE, reason=reason))
        else:
            yield cell


def learned_anything(outcome: Outcome | None, classes: int, seed: int) -> Gate:
    """Whether the balanced accuracy of one model is above that of always naming one class, on resamples of the records.

    Args:
        outcome: of the audit `Utility`; None if there is none.
        classes: the number of classes.
        seed: of the resamples.
    """
    if not isinstance(outcome, PredictionOutcome):
        return Gate.UNPROVEN
    values = resampled(balanced_accuracy, outcome, fewest_resamples(1), seed)
    return exceeds_resampled(above_one_class(values, classes), balanced_accuracy.margin)
