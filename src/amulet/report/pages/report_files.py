"""The files of the report on an assessment."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from amulet.core.files import StrPath
from amulet.core.folders import publish
from amulet.experiments.results.results import Results
from amulet.report.pages import matrix_markdown, matrix_page

NAME: Final = "report.html"
MARKDOWN: Final = "report.md"


def with_results(results: str, manifest: Mapping[str, Any]) -> dict[str, str]:
    """The files beside a page by name: the results, as JSON, and where they come from."""
    return {"results.json": results, "manifest.json": json.dumps(dict(manifest), indent=1)}


def rendered(results: Results, manifest: Mapping[str, Any]) -> dict[str, str]:
    """The report's files by name."""
    return {NAME: matrix_page.render(results, manifest), MARKDOWN: matrix_markdown.render(results, manifest)}


def write(results: Results, manifest: Mapping[str, Any], folder: StrPath) -> Path:
    """Write report.html and report.md, with results.json and manifest.json beside them, and return the page's place.

    A reader finds each file whole or not at all; `amulet report FOLDER` shows them again.

    Args:
        results: of an assessment.
        manifest: where the numbers come from; may be empty.
        folder: where to write, made if need be.

    Raises:
        Unwritable: the disk is full, or the folder cannot be written; older files are left as they were.
    """
    publish(with_results(results.to_json(), manifest) | rendered(results, manifest), Path(folder))
    return Path(folder) / NAME
