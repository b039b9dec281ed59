"""The progress of a run on the terminal."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from amulet.core.text import visible
from amulet.experiments.assess import Progress
from amulet.experiments.graph.tasks import Task
from amulet.experiments.pairs.comparison import Told

LINES_WITHOUT_A_TERMINAL = 20


@contextmanager
def shown(console: Console) -> Iterator[Progress]:
    """A bar of the tasks done and left; on anything but a terminal, a line for every twentieth of them."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bar(
        *columns, TextColumn("left"), TimeRemainingColumn(), console=console, disable=not console.is_terminal
    ) as bar:
        line = bar.add_task("Tasks", total=None)

        def start(total: int) -> None:
            bar.reset(line, total=total)
            console.print(f"{total} tasks to compute." if total else "Nothing to compute: the store has it all.")

        def done(task: Task[Any]) -> None:
            bar.update(line, advance=1, description=type(task).__name__)
            state = bar.tasks[0]
            every = max(1, int(state.total or 1) // LINES_WITHOUT_A_TERMINAL)
            if not console.is_terminal and int(state.completed) % every == 0:
                console.print(f"{int(state.completed)} of {int(state.total or 0)} tasks done")

        def look(undecided: int, seeds: int) -> None:
            console.print(f"{undecided} rows of attacks and audits are undecided; they go on to {seeds} seeds.")

        yield Progress(start, done, look)


@contextmanager
def probing(console: Console) -> Iterator[Told]:
    """A bar for each attack and audit of a pair of models; on anything but a terminal, a line for each."""
    named = TextColumn("{task.description}", markup=False)
    columns = (named, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=console, disable=not console.is_terminal) as bar:
        lines: dict[str, TaskID] = {}

        def told(probe: str, done: int, total: int) -> None:
            if probe not in lines:
                lines[probe] = bar.add_task(visible(probe), total=total)
                if not console.is_terminal:
                    console.print(f"{probe}: both models, then {total} resamples of the records")
            bar.update(lines[probe], completed=done)

        yield told
