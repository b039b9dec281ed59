"""The files of the report on an assessment."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from amulet.core.files import StrPath
from amulet.core.folders import publish
from amulet.experiments.results.results import Results
from amulet.report.pages import matrix_markdown, matrix_page

NAME: Final = "report.html"
MARKDOWN: Final = "report.md"


def rendered(results: Results, manifest: Mapping[str, Any]) -> dict[str, str]:
    """The report's files by name."""
    return {NAME: matrix_page.render(results, manifest), MARKDOWN: matrix_markdown.render(results, manifest)}


def write(results: Results, manifest: Mapping[str, Any], folder: StrPath) -> Path:
    """Write report.html, and report.md beside it, into `folder`, making it if need be; the page's place.

    A reader finds each file whole or not at all.

    Raises:
        Unwritable: the disk is full, or the folder cannot be written; older files are left as they were.
    """
    publish(rendered(results, manifest), Path(folder))
    return Path(folder) / NAME
