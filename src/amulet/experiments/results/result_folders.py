"""The files in a folder of results: results.json, of an assessment or of a pair of models, and manifest.json."""

from pathlib import Path
from typing import Any, Final

from amulet.core.files import StrPath
from amulet.experiments.results.json_files import parse_json, read_text

PAIR: Final = "pair"
RESULTS: Final = "a results file of Amulet"


def written_results(folder: StrPath, command: str) -> str:
    """The text of a folder's results.json.

    Raises:
        AmuletError: there is none that can be read; `command` is what makes it.
    """
    return read_text(Path(folder) / "results.json", f"Run `amulet {command}` first.")


def holds_pair(folder: StrPath) -> bool:
    """Whether a folder's results.json is of a pair of models.

    Raises:
        AmuletError: there is no such file, or it is no JSON object.
    """
    return parse_json(written_results(folder, "assess"), RESULTS).get("kind") == PAIR


def read_manifest(folder: StrPath) -> dict[str, Any]:
    """A folder's manifest.json: what computed its results, as plain values.

    Raises:
        AmuletError: there is none, or it is no JSON object.
    """
    text = read_text(Path(folder) / "manifest.json", "Assess again to have one.")
    return parse_json(text, "a manifest of Amulet")
