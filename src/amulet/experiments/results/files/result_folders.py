"""The files in a folder of results: results.json, of an assessment or of a pair of models, and manifest.json."""

from pathlib import Path
from typing import Any, Final

from amulet.core.storage.files import StrPath
from amulet.experiments.results.files.json_files import parse_json, read_text

PAIR: Final = "pair"
AUDIT: Final = "audit"
RESULTS: Final = "a results file of Amulet"


def written_results(folder: StrPath, command: str) -> str:
    """The text of the results.json in a folder.

    Args:
        folder: the folder, or the file in it.
        command: the subcommand that writes such a file, for the message of an error.

    Raises:
        AmuletError: there is no such file, or it cannot be read.
    """
    place = Path(folder)
    file = place if place.suffix == ".json" and not place.is_dir() else place / "results.json"
    return read_text(file, f"Run `amulet {command}` first.")


def kind_of_results(folder: StrPath) -> str | None:
    """What results.json is of: `PAIR` for a pair of models, `AUDIT` for one model, None for an assessment.

    Raises:
        AmuletError: there is no such file, or it is no JSON object.
    """
    kind = parse_json(written_results(folder, "assess"), RESULTS).get("kind")
    return kind if isinstance(kind, str) and kind in {PAIR, AUDIT} else None


def holds_pair(folder: StrPath) -> bool:
    """Whether the results.json in a folder is of a pair of models; raises as `kind_of_results`."""
    return kind_of_results(folder) == PAIR


def read_manifest(folder: StrPath) -> dict[str, Any]:
    """The manifest.json in a folder, which says what computed the results, as plain values.

    Raises:
        AmuletError: there is no such file, or it is no JSON object.
    """
    text = read_text(Path(folder) / "manifest.json", "Assess again to have one.")
    return parse_json(text, "a manifest of Amulet")
