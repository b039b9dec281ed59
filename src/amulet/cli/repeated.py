"""An assessment that is asked for again: where nothing has changed since, what it said is said again.

Nothing heavy is imported to find that out. What decides what an assessment says is either part of the question, under
which the answer is remembered, or among the traces that lie beside the answer and are looked at again. Whatever
cannot be known without planning is not remembered at all: code of one's own, data sets that are not known by their
files, and runs on a GPU.
"""

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amulet.cli.conditions import end_if_any
from amulet.cli.printing import warn
from amulet.core.storage.files import checksum_of
from amulet.core.storage.listing import listing_of
from amulet.core.storage.remembered import recalled, remember
from amulet.report.console import open_console, show_rendered
from amulet.report.words.vocabulary.nothing_to_compute import NOTHING_TO_COMPUTE

if TYPE_CHECKING:
    from rich.console import Console

    from amulet.core.spec import Plain
    from amulet.experiments import Experiment, Plan, Store


@dataclass(frozen=True)
class Said:
    """What a run that computes nothing says.

    Attributes:
        warnings: what is to be known before the work begins, a sentence each.
        shown: the results, rendered for the console of the question.
        conditions: the conditions of `--fail-if` that hold, a sentence each.
    """

    warnings: tuple[str, ...]
    shown: str
    conditions: tuple[str, ...]


@dataclass(frozen=True)
class Question:
    """What is asked, by whom and where: everything that is known before anything of it is read.

    Attributes:
        about: the options, the content of the experiment's file, the working directory, the variables that say where
            data lie, the console, the date, and the installed packages. Amulet's source and its packages are covered by
            `remember`.
        file: the experiment's file.
        store: the folder of the store.
    """

    about: Mapping[str, "Plain"]
    file: Path
    store: Path

    @classmethod
    def of(cls, options: Mapping[str, Any], file: Path, store: Path, console: "Console") -> "Question":
        """The question of a command with these options."""
        about: dict[str, Plain] = {
            "what": "what an assessment says",
            "options": {name: repr(value) for name, value in options.items()},
            "file": _checksum(file),
            "directory": str(Path.cwd()),
            "environment": dict(_where_data_lie()),
            "console": [console.is_terminal, console.width, console.color_system, console.no_color, console.encoding],
            "date": _today(),  # which the manifest has
            "python": [sys.version, *sys.path],
            "packages": [f"{name} {changed}" for name, changed in _installed()],
        }
        return cls(about, file, store.absolute())

    def answer(self) -> Said | None:
        """What was said when the same was asked; None if that is not known, or anything that it follows from is not."""
        with suppress(OSError, KeyError, TypeError, AttributeError):
            found: Any = recalled(self.about)
            if found is not None and _is_unchanged(found["traces"], self.store):
                said = found["said"]
                return Said(tuple(said["warnings"]), said["shown"], tuple(said["conditions"]))
        return None

    def keep(self, said: Said, files: Mapping[str, str | None], listing: str) -> None:
        """Remember what was said, unless anything that it follows from has changed meanwhile.

        Args:
            said: the answer.
            files: by path the checksums of the files that it was read from or written to; None for no file.
            listing: of the store that it was read from.
        """
        places: dict[str, Plain] = {place: os.path.realpath(place) for place in files}
        traces: dict[str, Plain] = {"files": dict(files), "places": places, "store": listing}
        with suppress(OSError):
            if self.about["file"] == _checksum(self.file) and _is_unchanged(traces, self.store):
                remember(self.about, {"traces": traces, "said": asdict(said)})


def say(said: Said, console: "Console") -> None:
    """Say it again."""
    errors = open_console(errors=True)
    for sentence in said.warnings:
        warn(sentence)
    errors.print(NOTHING_TO_COMPUTE)
    show_rendered(console, said.shown)
    end_if_any(said.conditions)


def data_files(experiment: "Experiment") -> dict[str, str | None] | None:
    """By path the checksums of the files that records are read from; None if anything else may decide what is said."""
    from amulet.report.pages.unchanged_files import plugins_outside

    files = None if experiment.dataset is None else experiment.dataset.files()
    if files is None or plugins_outside() or not _of_amulet_alone(experiment):
        return None
    return {str(place.absolute()): _checksum(place) for place in files}


def listing_if_complete(planned: "Plan", store: "Store") -> str | None:
    """The listing of a store that has all results that a plan needs, all computed on a CPU; None if it has not.

    None also if it cannot be listed, which is no reason to end a run whose results are there.
    """
    if planned.device != "cpu" or planned.others:
        return None
    try:
        listing = listing_of(store.root)
        return listing if not planned.missing(planned.states(store)) else None
    except OSError:
        return None  # other processes may write into it meanwhile, or it has a folder that cannot be read


@contextmanager
def warnings_noted() -> Iterator[list[str]]:
    """A list that gets all warnings of Amulet's inside the block, which are shown as ever."""
    noted: list[str] = []
    handler = _Noting(noted)
    logger = logging.getLogger("amulet")
    logger.addHandler(handler)
    try:
        yield noted
    finally:
        logger.removeHandler(handler)


class _Noting(logging.Handler):
    def __init__(self, noted: list[str]) -> None:
        super().__init__("WARNING")
        self.noted = noted

    def emit(self, record: logging.LogRecord) -> None:
        self.noted.append(record.getMessage())


def _of_amulet_alone(value: object) -> bool:
    """Whether a spec, and every one in it, is Amulet's own and refers to no code or file of anybody else."""
    from amulet.core.spec import Content, Spec
    from amulet.core.user_code.source import source_digest

    match value:
        case Spec():
            own = source_digest(type(value).__module__) is None and not tuple(value.outside_sources())
            return own and all(_of_amulet_alone(getattr(value, item.name)) for item in fields(value))
        case tuple():
            return all(map(_of_amulet_alone, value))
    return not isinstance(value, Content)


def _is_unchanged(traces: Mapping[str, Any], store: Path) -> bool:
    """Whether files lie and have the content, and a store has the listing, as is said; links may lead elsewhere now."""
    same = all(_checksum(Path(place)) == checksum for place, checksum in traces["files"].items())
    there = all(os.path.realpath(place) == resolved for place, resolved in traces["places"].items())
    return same and there and listing_of(store) == traces["store"]


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _checksum(place: Path) -> str | None:
    try:
        return checksum_of(place)
    except (OSError, ValueError):  # the second for a path that no file can have
        return None


def _where_data_lie() -> Iterator[tuple[str, str]]:
    """The environment variables that decide which folders are looked in."""
    for name, value in sorted(os.environ.items()):
        folder = name.startswith("XDG_") and name.endswith("_HOME")  # others, such as XDG_SESSION_ID, say nothing of it
        if name == "HOME" or folder or name.startswith("AMULET_"):
            yield name, value


def _installed() -> Iterator[tuple[str, int]]:
    """The names of installed packages with their versions, and when each was installed."""
    for folder in map(Path, sys.path):
        with suppress(OSError), os.scandir(folder) as found:
            for entry in sorted(found, key=lambda entry: entry.name):
                if entry.name.endswith((".dist-info", ".egg-info", ".egg-link", ".pth")):
                    yield entry.name, entry.stat().st_mtime_ns
