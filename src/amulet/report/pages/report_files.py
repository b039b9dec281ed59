"""Where a report lies."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from amulet.core.files import StrPath, write_text
from amulet.experiments.results import Results
from amulet.report.pages import matrix_markdown, matrix_page

NAME: Final = "report.html"
MARKDOWN: Final = "report.md"


def write(results: Results, manifest: Mapping[str, Any], folder: StrPath) -> Path:
    """Write report.html, and report.md beside it, into `folder`, making it if need be; the page's place.

    A reader finds each file whole or not at all.
    """
    page, text = matrix_page.render(results, manifest), matrix_markdown.render(results, manifest)
    place = Path(folder)
    write_text(place / NAME, page)
    write_text(place / MARKDOWN, text)
    return place / NAME
