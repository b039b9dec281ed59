"""Where a report lies."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from amulet.core.files import write_text
from amulet.experiments.results import Results
from amulet.report.html import render

NAME: Final = "report.html"


def write(results: Results, manifest: Mapping[str, Any], folder: Path) -> Path:
    """Write report.html into `folder`, making it if need be; a reader finds the file whole or not at all."""
    place = folder / NAME
    write_text(place, render(results, manifest))
    return place
