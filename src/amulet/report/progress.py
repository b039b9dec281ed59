"""The progress of a run, for standard error: what was done, and about how much time is left."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar

from amulet.core.text import visible
from amulet.experiments.assess import Progress
from amulet.experiments.graph.tasks import Task
from amulet.experiments.pairs.questions import Told
from amulet.report.words.nothing_to_compute import NOTHING_TO_COMPUTE

LINES_WITHOUT_A_TERMINAL = 20


@contextmanager
def shown(console: Console) -> Iterator[Progress]:
    """A bar of the tasks done, and the time left; on anything but a terminal, a line for every twentieth of them."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bar(
        *columns, TextColumn("left"), TimeRemainingColumn(), console=console, disable=not console.is_terminal
    ) as bar:
        line = bar.add_task("Tasks", total=None)
        started = perf_counter()

        def start(total: int) -> None:
            nonlocal started
            started = perf_counter()
            bar.reset(line, total=total)
            console.print(f"{total} tasks to compute." if total else NOTHING_TO_COMPUTE)

        def done(task: Task[Any]) -> None:
            bar.update(line, advance=1, description=type(task).__name__)
            state = bar.tasks[0]
            every = max(1, int(state.total or 1) // LINES_WITHOUT_A_TERMINAL)
            if not console.is_terminal and int(state.completed) % every == 0:
                completed, total = int(state.completed), int(state.total or 0)
                left = (perf_counter() - started) / completed * (total - completed)
                ending = f", about {duration(left)} left" if completed < total else ""
                console.print(f"{completed} of {total} tasks done{ending}")

        def look(undecided: int, seeds: int) -> None:
            console.print(f"{undecided} rows of attacks and audits are undecided; they go on to {seeds} seeds.")

        yield Progress(start, done, look)


def duration(seconds: float) -> str:
    """A time to wait, as it is said.

    Example:
        >>> duration(0.2), duration(75), duration(8000)
        ('1 s', '75 s', '2 h 13 min')
    """
    whole = max(1, round(seconds))
    if whole < 2 * 60:
        return f"{whole} s"
    minutes = round(whole / 60)
    return f"{minutes} min" if minutes < 2 * 60 else f"{minutes // 60} h {minutes % 60} min"


@contextmanager
def probing(console: Console) -> Iterator[Told]:
    """A bar for each attack and audit of trained models; on anything but a terminal, a line for each."""
    named = TextColumn("{task.description}", markup=False)
    columns = (named, BarColumn(), MofNCompleteColumn(), TextColumn("left"), TimeRemainingColumn())
    with Bar(*columns, console=console, disable=not console.is_terminal) as bar:
        lines: dict[str, TaskID] = {}

        def told(probe: str, done: int, total: int) -> None:
            if probe not in lines:
                lines[probe] = bar.add_task(visible(probe), total=total)
                if not console.is_terminal:
                    console.print(f"{probe}, then {total} resamples of the records")
            bar.update(lines[probe], completed=done)

        yield told


@contextmanager
def counting_bytes(console: Console, what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar of bytes done, for a terminal; on anything else a line for each tenth of more than a gigabyte.

    It gives a function that is to be called with the bytes done and the bytes in all.
    """
    named = TextColumn("{task.description}", markup=False)
    columns = (named, BarColumn(), DownloadColumn(), TextColumn("left"), TimeRemainingColumn())
    with Bar(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        line = bar.add_task(what, total=None)
        shown = 0

        def count(done: int, total: int) -> None:
            nonlocal shown
            bar.update(line, completed=done, total=total)
            tenth = 10 * done // max(1, total)
            if not console.is_terminal and total > 10**9 and tenth > shown:
                shown = tenth
                console.print(f"{what}: {size_text(done)} of {size_text(total)}")

        yield count


@contextmanager
def counting(console: Console, what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar for a terminal; it gives a function that is to be called with how many are done, and of how many."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        line = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(line, completed=done, total=total)


def size_text(size: int) -> str:
    """A number of bytes in the unit in which it is told.

    Example:
        >>> size_text(0), size_text(999), size_text(12_345_678), size_text(2_500_000_000)
        ('0 bytes', '999 bytes', '12.3 MB', '2.5 GB')
    """
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:,.1f} {unit}"
    return f"{size} {'byte' if size == 1 else 'bytes'}"
