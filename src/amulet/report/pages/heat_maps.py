"""The maps of the page: defenses down and risks across, and the combinations of two defenses."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from amulet.experiments.results.results import Results
from amulet.report.pages.anchors import row_slugs
from amulet.report.words.matrix.blocks import MatrixBlock
from amulet.report.words.matrix.compositions import Combination, Still
from amulet.report.words.matrix.headlines import Headline
from amulet.report.words.matrix.risk_cells import RiskCell

MOST_SHOWN: Final = 6
"""More combinations than this are folded away."""
MOST_SENTENCES: Final = 10
"""Of more sentences than this only those with the worst news, `WORST` of them, are shown at once, so that the map stays
in sight."""
WORST: Final = 5

COMBINED: Final = "combination"
"""The first part of the address of a combination; of other cells it is the name of the risk."""


@dataclass(frozen=True)
class PairTile:
    """One cell of the map of combinations: a combination, or a defense alone on the diagonal.

    Attributes:
        combination: None on the diagonal, and where the two were not assessed together.
        alone: whether the defense does its own job alone; None off the diagonal.
    """

    combination: Combination | None = None
    alone: Still | None = None


@dataclass(frozen=True)
class Maps:
    """What the page shows first.

    Attributes:
        blocks: the risks, across.
        rows: the cells of each row that is shown: defenses, and combinations if these are few.
        folded: the cells of combinations that are too many to be shown at once.
        headlines: the sentences that are shown, in the order of the matrix, as the others.
        folded_headlines: the sentences that are not.
        pair_labels: the defenses that are part of a combination, in the order of the matrix.
        pair_tiles: for each of them a line of the map of combinations.
    """

    blocks: tuple[MatrixBlock, ...]
    rows: tuple[tuple[RiskCell, ...], ...]
    folded: tuple[tuple[RiskCell, ...], ...]
    headlines: tuple[Headline, ...]
    folded_headlines: tuple[Headline, ...]
    pair_labels: tuple[str, ...]
    pair_tiles: tuple[tuple[PairTile, ...], ...]


def maps(
    blocks: tuple[MatrixBlock, ...],
    cells: Sequence[tuple[RiskCell, ...]],
    said: Sequence[Headline],
    combined: Sequence[Combination],
) -> Maps:
    """The maps and sentences, those that are too many for a first look set aside."""
    aside = {each.row for each in combined} if len(combined) > MOST_SHOWN else set()
    shown = [headline for headline in said if headline.row not in aside]
    first = _first(shown)
    parts = {label for each in combined for label in (each.first.row, each.second.row)}
    labels = [row[0].row for row in cells if row and row[0].row in parts]
    return Maps(
        blocks,
        tuple(row for row in cells if row and row[0].row not in aside),
        tuple(row for row in cells if row and row[0].row in aside),
        tuple(shown[at] for at in first),
        (
            *(headline for at, headline in enumerate(shown) if at not in first),
            *(headline for headline in said if headline.row in aside),
        ),
        tuple(labels),
        tuple(tuple(_tiles(first, labels, combined)) for first in labels),
    )


def _first(said: Sequence[Headline]) -> list[int]:
    """The places of the sentences that are shown at once."""
    if len(said) <= MOST_SENTENCES:
        return list(range(len(said)))
    return sorted(sorted(range(len(said)), key=lambda at: said[at].worst.order)[:WORST])


def _tiles(first: str, labels: Sequence[str], combined: Sequence[Combination]) -> Iterator[PairTile]:
    """One line; what lies below the diagonal is empty, since it would be said twice."""
    pairs = {(each.first.row, each.second.row): each for each in combined}
    alone = {part.row: part.alone for each in combined for part in (each.first, each.second)}
    for second in labels:
        yield PairTile(alone=alone[first]) if first == second else PairTile(pairs.get((first, second)))


def cell_anchors(results: Results, blocks: Sequence[MatrixBlock]) -> Mapping[tuple[str, str], str]:
    """The address of each cell by risk and row, and of each combination by `COMBINED` and row: "evasion.dp-sgd"."""
    slugs = row_slugs(results.rows)
    kinds = [*(block.risk for block in blocks), COMBINED]
    return {(kind, row): f"{kind}.{slugs[row]}" for kind in kinds for row in results.rows}
