"""The page on one pair of models: one HTML file that asks nothing of the network."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amulet.core.files import StrPath
from amulet.core.folders import publish
from amulet.experiments.pair_results import PairResults
from amulet.report.pages.matrix_page import as_shown, both_pages, templating
from amulet.report.pages.report_files import NAME
from amulet.report.words.pair_sentences import pair_figures, pair_told
from amulet.report.words.pair_words import HOW_JUDGED, ONLY, WARNING, pair_blocks
from amulet.report.words.spec_text import experiment


def rendered_pair(results: PairResults, manifest: Mapping[str, Any]) -> dict[str, str]:
    """The report's one file by its name."""
    return {NAME: render_pair(results, manifest)}


def write_pair(results: PairResults, manifest: Mapping[str, Any], folder: StrPath) -> Path:
    """Write report.html into `folder`, making it if need be; a reader finds the file whole or not at all.

    Raises:
        Unwritable: the disk is full, or the folder cannot be written; an older file is left as it was.
    """
    publish(rendered_pair(results, manifest), Path(folder))
    return Path(folder) / NAME


def render_pair(results: PairResults, manifest: Mapping[str, Any]) -> str:
    """The page. The same results and manifest give the same bytes; `manifest` as for `render`."""
    environment = templating()
    environment.filters.update(pair_told=pair_told, pair_figures=pair_figures)
    page = environment.get_template("pair.html.jinja").render(
        **both_pages(results, manifest),
        blocks=pair_blocks(results),
        asked=experiment(results),
        only=ONLY,
        warning=WARNING,
        how_judged=HOW_JUDGED,
    )
    return as_shown(page)
