"""The files of the report on an assessment."""

import json
from collections.abc import Mapping
from typing import Any, Final

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
