"""The report on one pair of models as one self-contained HTML file, which loads nothing from the network."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from amulet.experiments.pairs.results import PairResults
from amulet.report.charts.difference_strips import strip_of_pair
from amulet.report.pages.report_files import NAME
from amulet.report.pages.templating import as_shown, both_pages, templating
from amulet.report.words.matrix.blocks import pair_blocks, primary_blocks
from amulet.report.words.verdicts.explanations import HOW_PAIR_VERDICTS, NOT_INTERPRETABLE, PAIR_ONLY, PAIR_WARNING
from amulet.report.words.vocabulary.spec_text import experiment


def rendered_pair(results: PairResults, manifest: Mapping[str, Any]) -> dict[str, str]:
    """The report's one file by its name."""
    return {NAME: render_pair(results, manifest)}


def render_pair(results: PairResults, manifest: Mapping[str, Any]) -> str:
    """The page. The same results and manifest give the same bytes; `manifest` as for `render`."""
    blocks = pair_blocks(results)
    page = (
        templating()
        .get_template("pair.html.jinja")
        .render(
            **both_pages(results, manifest),
            blocks=blocks,
            primaries=primary_blocks(blocks),
            strip_of=partial(strip_of_pair, results.cells),
            asked=experiment(results),
            only=PAIR_ONLY,
            warning=PAIR_WARNING,
            not_interpretable=NOT_INTERPRETABLE,
            how_judged=HOW_PAIR_VERDICTS,
        )
    )
    return as_shown(page)
