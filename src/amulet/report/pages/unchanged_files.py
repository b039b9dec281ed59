"""Whether a folder of results holds already what would be written into it, so that it need not be made again."""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final

from amulet.core.spec import Plain
from amulet.core.storage.files import checksum_of
from amulet.core.storage.remembered import recalled, remember
from amulet.core.user_code.source import source_digest
from amulet.experiments.model_audit.results import AuditResults
from amulet.experiments.pairs.results import PairResults
from amulet.experiments.registry.plugins import plugins
from amulet.experiments.results.results import Results

PACKAGES: Final = ("altair", "jinja2", "markupsafe", "pandas", "vl-convert-python")
"""The packages, besides those that numbers depend on, that the files are made with."""


def sources_of(results: Results | PairResults | AuditResults, beside: Mapping[str, str]) -> dict[str, Plain]:
    """Everything that the files of a folder of results are made from.

    Args:
        results: whose files they are.
        beside: the text of the files that are not made from the results, by name.
    """
    recorded = json.dumps(results.recorded()) if isinstance(results, Results) else results.to_json()
    return {
        "what": "a folder of results",
        "results": _checksum(recorded.encode()),
        "beside": dict(_checksums(beside)),
        "packages": {name: version(name) for name in PACKAGES},
        "plug-ins": plugins_outside(),
    }


def in_place(made_from: Mapping[str, Plain], folder: Path) -> dict[str, str] | None:
    """The checksums of all files that were made from this, as `sources_of` gives it, if a folder has them to the byte.

    None if it does not, or if nothing is known of them.
    """
    files = recalled(made_from)
    if isinstance(files, dict) and all(_is_file(folder / name, checksum) for name, checksum in files.items()):
        return {name: str(checksum) for name, checksum in files.items()}
    return None


def remember_files(made_from: Mapping[str, Plain], files: Mapping[str, str]) -> dict[str, str]:
    """Keep the checksums of all files for `in_place`, and return them."""
    found = _checksums(files)
    remember(made_from, dict(found))
    return found


@cache
def plugins_outside() -> list[Plain]:
    """What the code of registered plug-ins outside Amulet is, since reports use their names."""
    modules = sorted({plugin.spec.__module__ for plugin in plugins()})
    return [f"{name} {found}" for name in modules if (found := source_digest(name)) is not None]


def _checksums(texts: Mapping[str, str]) -> dict[str, str]:
    return {name: _checksum(text.encode()) for name, text in texts.items()}


def _is_file(place: Path, checksum: Plain) -> bool:
    try:
        return checksum_of(place) == checksum
    except OSError:
        return False


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
