"""The report on an assessment as one self-contained HTML file, which loads nothing from the network."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Self

from amulet.experiments.results.results import Results
from amulet.report.charts.trade_offs import row_letters, trade_offs
from amulet.report.pages.anchors import row_slugs
from amulet.report.pages.cell_details import panel_details, probe_place
from amulet.report.pages.heat_maps import COMBINED, cell_anchors, maps
from amulet.report.pages.matrix_csv import matrix_csv
from amulet.report.pages.page_script import page_script
from amulet.report.pages.picture_tables import picture_tables
from amulet.report.pages.templating import as_shown, both_pages, templating
from amulet.report.words.factors import INTRODUCTION, factor_tables
from amulet.report.words.failed_tasks import failures_sentence
from amulet.report.words.matrix.blocks import MatrixBlock, matrix_blocks
from amulet.report.words.matrix.compositions import Combination, combinations
from amulet.report.words.matrix.headlines import headlines, undefended_news
from amulet.report.words.matrix.passing_on import notes
from amulet.report.words.matrix.risk_cells import RiskCell, risk_cells
from amulet.report.words.training_facts import training_facts
from amulet.report.words.verdicts.explanations import NOT_COVERED, how_verdicts
from amulet.report.words.verdicts.readings import LEANING_RULE, MEANINGS, RULE, cell_reading
from amulet.report.words.verdicts.releases import release_sentences
from amulet.report.words.vocabulary import spec_text
from amulet.report.words.vocabulary.row_text import other_references, row_heading
from amulet.report.words.vocabulary.seed_counts import how_often, looks_sentence, seed_names, seeds_note
from amulet.report.words.vocabulary.terms import TERMS

LARGEST: Final = 5_000_000
"""Bytes of a page that can still be sent around and opened on a phone."""
MANY: Final = 40
"""With more rows than this, the single seeds of curves and charts can be told apart by nobody."""


def render(results: Results, manifest: Mapping[str, Any]) -> str:
    """The page. The same results and manifest give the same bytes, LARGEST of them for all but giant matrices.

    A page that would be larger, and one of more than `MANY` rows, leaves out the single seeds of curves and charts, and
    images, and says so. What lies behind its cells, and its matrix as CSV, are compressed.

    Args:
        results: what was found.
        manifest: what computed it, as `environment()` gives it; a mapping in it becomes a list, None "none".
    """
    shown = _Shown.of(results)
    if len(results.rows) <= MANY:
        page = _rendered(shown, manifest, whole=True)
        if len(page.encode()) <= LARGEST:
            return page
    return _rendered(shown, manifest, whole=False)


@dataclass(frozen=True)
class _Shown:
    """What is read off the results once, however often the page is rendered."""

    results: Results
    blocks: tuple[MatrixBlock, ...]
    cells: tuple[tuple[RiskCell, ...], ...]
    combined: tuple[Combination, ...]
    anchors: Mapping[tuple[str, str], str]

    @classmethod
    def of(cls, results: Results) -> Self:
        blocks = matrix_blocks(results)
        cells, combined = risk_cells(results, blocks), combinations(results)
        return cls(results, blocks, cells, combined, cell_anchors(results, blocks))


def _rendered(shown: _Shown, manifest: Mapping[str, Any], *, whole: bool) -> str:
    results, found, cells, combined = shown.results, shown.blocks, shown.cells, shown.combined
    script, anchors = page_script(), shown.anchors
    page = (
        templating()
        .get_template("matrix.html.jinja")
        .render(
            **both_pages(results, manifest),
            **_words(results),
            maps=maps(found, cells, headlines(results, found), combined),
            notes=notes(results, cells, manifest),
            anchors=anchors,
            undefended=undefended_news(results, found),
            probe_place=partial(probe_place, results),
            combined_kind=COMBINED,
            behind=panel_details(results, cells, combined, anchors, single_seeds=whole),
            picture_tables=picture_tables(results) if whole else (),
            whole=whole,
            script=script,
            csv=matrix_csv(results),
            file_name=row_slugs([results.experiment])[results.experiment],
            letters=row_letters(results),
            trade_offs=tuple(trade_offs(results, found, single_seeds=whole)),
            blocks=found,
            facts=training_facts(results),
            factors=factor_tables(results, found),
            factors_introduction=INTRODUCTION,
        )
    )
    return as_shown(page, script.text)


def _words(results: Results) -> dict[str, Any]:
    """What the templates say of rows, seeds, settings and verdicts."""
    return {
        "how_often": how_often(results),
        "seed_names": seed_names(results),
        "seeds_note": partial(seeds_note, results),
        "looks": looks_sentence(results),
        "row_heading": partial(row_heading, results),
        "row_headings": [row_heading(results, row) for row in results.rows],
        "other_references": other_references(results),
        "left_out": [str(each) for each in results.left_out],
        "failures": failures_sentence(results),
        "unasked": list(release_sentences(results)),
        "reading_of": partial(cell_reading, results),
        "reading_meanings": MEANINGS,
        "reading_rule": RULE,
        "leaning_rule": LEANING_RULE,
        "how_verdicts": how_verdicts(results),
        "not_covered": NOT_COVERED,
        "terms": TERMS,
        "experiment": spec_text.experiment(results),
        "defenses": spec_text.defenses(results),
        "tampering": spec_text.tampering(results),
    }
