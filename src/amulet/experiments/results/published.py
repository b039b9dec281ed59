"""The verdicts of an assessment beside what is published of the same defenses and risks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from amulet.experiments.results.numbers import Column, MatrixCell
from amulet.literature import SOURCE, Agreement, Direction, Interaction, agreement, interaction
from amulet.literature.combinations import SOURCE as COMBINATIONS
from amulet.literature.combinations import combinations_of
from amulet.statistics import CHANGES, Word


@dataclass(frozen=True)
class Published:
    """A cell of the matrix beside the interaction that it measures.

    Attributes:
        row, column: the cell.
        known: what is published, and what the guideline predicts.
        measured: what happens to the risk; None if it does not change, or if the cell is undecided.
        decided: whether the cell is decided: the risk increases, decreases or does not change. A cell that cannot
            change, since the defense leaves the model as it is, counts as undecided: it is no evidence of anything.
    """

    row: str
    column: Column
    known: Interaction
    measured: Direction | None
    decided: bool
    unchanged: bool = False

    @property
    def as_predicted(self) -> bool | None:
        """Whether the verdict is what the guideline predicts; None if one of the two says nothing."""
        return self._agrees(self.known.prediction.direction)

    @property
    def as_published(self) -> bool | None:
        """Whether the verdict is what studies found; None if the cell is undecided or there are no studies."""
        return self._agrees(self.known.published)

    @property
    def as_exception(self) -> bool:
        """Whether the verdict is the opposite of what studies usually found, as some have found too."""
        return self.measured in self.known.signs[1:]

    def _agrees(self, other: Direction | None) -> bool | None:
        return self.measured is other if self.decided and other is not None else None


def published(cell: MatrixCell, families: Sequence[str]) -> Published | None:
    """What is published of a cell, or None.

    Only cells with values of a primary metric of one of the eight risks count, in rows that add defenses of one
    family.

    Args:
        cell: of the matrix.
        families: those of the defenses that the row adds to the one that it is compared with.
    """
    known = interaction(families[0], cell.column.risk) if len(families) == 1 else None
    if known is None or cell.verdict is None or not cell.column.primary or cell.column.riskier is None:
        return None
    word = cell.verdict.word
    if word is Word.UNDEFINED:
        return None
    decided = cell.verdict.settled and word not in {Word.UNCHANGED, Word.NO_LEAK}
    return Published(cell.row, cell.column, known, risk_direction(cell.column, word), decided, word is Word.UNCHANGED)


def risk_direction(column: Column, word: Word) -> Direction | None:
    """What a verdict on a metric says of its risk; None if it is no increase or decrease, or the metric no risk's."""
    if word not in CHANGES or column.riskier is None:
        return None
    return Direction.INCREASES if column.gets_worse(word) else Direction.DECREASES


def prediction_agreement(found: Iterable[Published]) -> Agreement:
    """How well the guideline predicts the cells whose risk increases or decreases, where it predicts a direction."""
    pairs = [(cell.measured, cell.known.prediction.direction) for cell in found]
    return agreement((measured, predicted) for measured, predicted in pairs if measured and predicted)


def plain_literature(found: Sequence[Published], families: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """All of it in the types of JSON: the cells, how well the guideline predicts them, and pairs of defenses."""
    well = prediction_agreement(found)
    return {
        "sources": [SOURCE, COMBINATIONS],
        "cells": [_plain(cell) for cell in found],
        "prediction": {
            "balanced_accuracy": well.balanced_accuracy,
            "cells": well.cells,
            "increases": list(well.increases),
            "decreases": list(well.decreases),
        },
        "combinations": {
            row: [asdict(pair) for pair in pairs] for row, each in families.items() if (pairs := combinations_of(each))
        },
    }


def _plain(cell: Published) -> dict[str, Any]:
    known, column = cell.known, cell.column
    return {
        "row": cell.row,
        "risk": column.risk,
        "probe": column.probe,
        "metric": column.metric,
        "defense": known.defense,
        "measured": cell.measured,
        "decided": cell.decided,
        "predicted": known.prediction.direction,
        "prediction": known.prediction.strength,
        "published": known.published,
        "otherwise": known.otherwise,
        "as_predicted": cell.as_predicted,
        "as_published": cell.as_published,
        "as_exception": cell.as_exception,
    }
