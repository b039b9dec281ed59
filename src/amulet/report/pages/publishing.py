"""The folder of a finished assessment or comparison: its results, where they come from, and the report on them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from amulet.core.spec import Plain
from amulet.core.storage.files import StrPath, read_regular, writing
from amulet.core.storage.folders import publish
from amulet.experiments.graph.entries import environment
from amulet.experiments.model_audit.results import AuditResults
from amulet.experiments.pairs.results import PairResults
from amulet.experiments.results.files.json_files import LARGEST
from amulet.experiments.results.results import Results
from amulet.report.pages.report_files import MARKDOWN, NAME, rendered, written_manifest
from amulet.report.pages.unchanged_files import in_place, remember_files, sources_of
from amulet.report.words.failed_tasks import tracebacks

FAILURES: Final = "failures.txt"
"""The file with the tracebacks of tasks that failed; there is none if none did."""

FILES: Final = ("results.json", "manifest.json", "experiment.yaml", FAILURES, NAME, MARKDOWN)
"""All that may be written into the folder."""

EXTENT: Final = ("seeds", "until_decided")
"""Settings that say how far an experiment is carried, not which one it is."""


@dataclass(frozen=True)
class Written:
    """The files of a folder of results, as they were written or found in place.

    Attributes:
        page: the place of the report.
        checksums: of each file, by its place; None where there is none.
    """

    page: Path
    checksums: Mapping[str, str | None]


def write_results(
    results: Results | PairResults | AuditResults,
    manifest: Mapping[str, Any],
    folder: Path,
    experiment: str | None = None,
) -> Written:
    """Write everything into `folder`, so that a reader does not find some of it beside older files.

    Files that are there already, to the byte, and were made from the same results by the same code, are left in place.

    Args:
        results: of an assessment, of a pair of models or of one model.
        manifest: where the numbers come from.
        folder: made if need be; older results in it are replaced.
        experiment: what was assessed, as YAML.

    Raises:
        Unwritable: the disk is full, or the folder cannot be written; older files are left as they were.
    """
    beside = {"manifest.json": written_manifest(manifest)}
    beside |= {} if experiment is None else {"experiment.yaml": experiment}
    failed = isinstance(results, Results) and results.failures
    beside |= {FAILURES: tracebacks(results)} if failed and isinstance(results, Results) else {}
    made_from = sources_of(results, beside)
    checksums = in_place(made_from, folder)
    if checksums is None:
        files = {"results.json": results.to_json(), **beside, **_pages(results, manifest)}
        publish(files, folder)
        checksums = remember_files(made_from, files)
    if not failed:
        with writing(folder):
            (folder / FAILURES).unlink(missing_ok=True)
    return Written(folder / NAME, {str(folder / name): checksums.get(name) for name in FILES})


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
    return write_results(results, manifest, Path(folder)).page


def write_pair(results: PairResults, manifest: Mapping[str, Any], folder: StrPath) -> Path:
    """As `write`, for a pair of models: report.html, results.json and manifest.json."""
    return write_results(results, manifest, Path(folder)).page


def write_audit(results: AuditResults, folder: StrPath, manifest: Mapping[str, Any] | None = None) -> Path:
    """As `write`, for what `amulet.audit` gives: report.html, results.json and manifest.json.

    Args:
        results: of one model.
        folder: where to write, made if need be.
        manifest: what computed the results; by default this process.

    Raises:
        Unwritable: the disk is full, or the folder cannot be written; older files are left as they were.
    """
    return write_results(results, environment() if manifest is None else manifest, Path(folder)).page


def write_pages(results: Results | PairResults | AuditResults, manifest: Mapping[str, Any], folder: Path) -> Path:
    """Write the report again beside the results in `folder`, which stay as they are; the page's place.

    Raises:
        Unwritable: the disk is full, or the folder cannot be written; older files are left as they were.
    """
    publish(_pages(results, manifest), folder)
    return folder / NAME


def _pages(results: Results | PairResults | AuditResults, manifest: Mapping[str, Any]) -> dict[str, str]:
    match results:
        case PairResults():
            from amulet.report.pages.pair_page import rendered_pair  # noqa: PLC0415 - as in `rendered`

            return rendered_pair(results, manifest)
        case AuditResults():
            from amulet.report.pages.audit_page import rendered_audit  # noqa: PLC0415 - as in `rendered`

            return rendered_audit(results, manifest)
        case _:
            return rendered(results, manifest)


def to_be_replaced(folder: Path, spec: Plain, content: str) -> str | None:
    """A sentence if the folder holds results of something else, which results of this would replace.

    Args:
        folder: where results will be written.
        spec: of the experiment or pair, as plain values; the number of seeds does not make it another one.
        content: the digest of the data set.
    """
    try:
        body = json.loads(read_regular(folder / "results.json", LARGEST))
        held = body["dataset"]["content"] if isinstance(body["dataset"], dict) else body["content"]
        if held == content and _asked(body["spec"]) == _asked(spec):
            return None
    except OSError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return f"{folder} holds a results.json that this version of Amulet does not read. It will be replaced."
    return (
        f"{folder} holds the results of another experiment or data set of this name. They will be replaced; "
        "give it another 'name', or another folder with --out, to keep both."
    )


def _asked(spec: Any) -> Any:
    return [
        (path, {name: value for name, value in settings.items() if name not in EXTENT})
        for path, settings in spec.items()
    ]
