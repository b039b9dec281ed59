"""The images behind a cell: a table for each attack that makes some, the rows of the matrix below each other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from amulet.experiments.results.pictures import Pictured, PictureRow
from amulet.experiments.results.results import Results
from amulet.report.words.vocabulary.row_text import row_heading


@dataclass(frozen=True)
class PictureLine:
    """A row of images: its heading, and for each image the text in its place and the PNG file as base64."""

    heading: str
    images: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class PictureTable:
    """The images of one attack.

    Attributes:
        place: the position of the attack among all attacks and audits, as in `cell_details`.
        caption: what the images show, and of which models.
        columns: the headings of the columns.
        lines: first what does not depend on the model, once; then the images of each row of the matrix.
    """

    place: int
    caption: str
    columns: tuple[str, ...]
    lines: tuple[PictureLine, ...]


def picture_tables(results: Results) -> tuple[PictureTable, ...]:
    """A table for each attack with images, in the order of the columns of the matrix."""
    keys = dict.fromkeys((column.risk, column.probe) for column in results.columns)
    found = [[each for each in results.pictures if (each.risk, each.probe) == key] for key in keys]
    return tuple(_table(results, place, pictures) for place, pictures in enumerate(found) if pictures)


def _table(results: Results, place: int, pictures: Sequence[Pictured]) -> PictureTable:
    pictures = sorted(pictures, key=lambda each: results.rows.index(each.row))
    first = pictures[0]
    caption = f"{first.title} One model of each row, seed {first.seed}."
    return PictureTable(place, caption, first.columns, tuple(_lines(results, pictures)))


def _lines(results: Results, pictures: Sequence[Pictured]) -> Iterator[PictureLine]:
    shown: list[PictureRow] = []
    for each in pictures:
        for row in each.rows[: each.references]:
            if row not in shown:
                shown.append(row)
                yield _line(row.name, row, each)
    for each in pictures:
        for row in each.rows[each.references :]:
            yield _line(f"{row.name}: {row_heading(results, each.row)}", row, each)


def _line(heading: str, row: PictureRow, pictured: Pictured) -> PictureLine:
    alternatives = [f"{column}, {heading}" for column in pictured.columns]
    return PictureLine(heading, tuple(zip(alternatives, row.images, strict=True)))
