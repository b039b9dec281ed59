"""The files of the report on an assessment."""

import json
from collections.abc import Mapping
from typing import Any, Final

from amulet.experiments.results.results import Results

NAME: Final = "report.html"
MARKDOWN: Final = "report.md"


def written_manifest(manifest: Mapping[str, Any]) -> str:
    """The text of manifest.json, which says where the results come from."""
    return json.dumps(dict(manifest), indent=1)


def rendered(results: Results, manifest: Mapping[str, Any]) -> dict[str, str]:
    """The report's files by name."""
    from amulet.report.pages import matrix_markdown, matrix_page  # noqa: PLC0415 - charts take long to import

    return {NAME: matrix_page.render(results, manifest), MARKDOWN: matrix_markdown.render(results, manifest)}
