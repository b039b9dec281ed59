"""Where a report lies."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from amulet.experiments.results import Results
from amulet.report.html import render

NAME: Final = "report.html"


def write(results: Results, manifest: Mapping[str, Any], folder: Path) -> Path:
    """Write report.html into `folder`, which is made where it is missing; a reader finds it whole or not at all."""
    place = folder / NAME
    text = render(results, manifest)
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".partial-{uuid4().hex}"
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(place)
    finally:
        partial.unlink(missing_ok=True)
    return place
