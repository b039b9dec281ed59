"""The subcommand `plan`, and the plan of the experiment in a file."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from amulet.cli.endings import NOTHING_WRITTEN, told_plainly
from amulet.cli.options import (
    DEFAULT_STORE,
    AllowImports,
    DeviceOption,
    File,
    MaxSeeds,
    On,
    Speed,
    StoreOption,
    UntilDecided,
    WithoutData,
    Workers,
    check_device,
    check_place,
    named_imports,
)
from amulet.cli.printing import table_of

if TYPE_CHECKING:
    from rich.table import Table

    from amulet.experiments import Experiment, Plan
    from amulet.experiments.planning.estimate import Estimate
    from amulet.experiments.planning.sizing import Sizing


def plan(  # noqa: PLR0913, PLR0917 - each is an option of the command line
    file: File,
    store: StoreOption = DEFAULT_STORE,
    device: DeviceOption = "cpu",
    workers: Workers = None,
    on: On = "local",
    speed: Speed = 1.0,
    without_data: WithoutData = False,
    until_decided: UntilDecided = False,
    max_seeds: MaxSeeds = None,
    allow_imports: AllowImports = None,
) -> None:
    """Check an experiment and show what would be computed, how long it takes, and what it needs."""
    with told_plainly(NOTHING_WRITTEN) as console:
        from amulet.experiments.assess import placed, resumed
        from amulet.experiments.graph.store import Store
        from amulet.experiments.planning.estimate import estimate
        from amulet.experiments.planning.models_asked import models_asked
        from amulet.experiments.planning.sizing import sizing

        check_place(on, workers)
        jobs = placed(on, workers, device).jobs  # a cluster that does not answer is told before anything is estimated
        planned = planned_in(file, device, until_decided, max_seeds, allow_imports, without_data=without_data)
        planned = resumed(planned, Store(store))
        if sys.stderr.isatty():
            kinds = f"Trying tasks of each kind, of {len(planned.tasks):,} in all, to tell how long they take."
            typer.echo(kinds, err=True)
        estimated = estimate(planned, Store(store))
        console.print(_table(estimated))
        sentences = [*models_asked(planned), *(f"Note: {notice}" for notice in planned.notices), *_gaps(estimated)]
        sentences += [_sharing(planned)]
        sized = sizing(planned, Store(store), estimated, workers=jobs, speed=speed)
        sentences += (
            _size(sized, device, speed, complete=not estimated.gaps) if sized.tasks else ["Nothing to compute."]
        )
        if planned.seeds < planned.experiment.looks[-1] and sized.tasks:
            sentences.append(
                f"This is for {planned.seeds} seeds. Where a verdict is then undecided, it goes on: "
                f"at most {planned.experiment.looks[-1]} seeds."
            )
        for sentence in sentences:
            console.print(sentence, markup=False, soft_wrap=True)


def experiment_in(
    file: Path, until_decided: bool, max_seeds: int | None, allow_imports: list[str] | None
) -> "Experiment":
    """The experiment in a file; options of the command line override what the file says."""
    from amulet.experiments import load_experiment

    experiment = load_experiment(file, named_imports(allow_imports))
    return replace(
        experiment,
        until_decided=experiment.until_decided or until_decided,
        seeds=experiment.seeds if max_seeds is None else max_seeds,
    )


def planned_in(
    file: Path,
    device: str,
    until_decided: bool,
    max_seeds: int | None,
    allow_imports: list[str] | None,
    *,
    without_data: bool = False,
) -> "Plan":
    """The plan of the experiment in a file; options of the command line override what the file says."""
    from amulet.experiments.planning.plan import plan as plan_tasks

    check_device(device)
    experiment = experiment_in(file, until_decided, max_seeds, allow_imports)
    if not without_data:
        return plan_tasks(experiment, device=device)
    outline = experiment.dataset.outline() if experiment.dataset is not None else None
    if outline is None:
        raise typer.BadParameter(
            f"What the records of {experiment.dataset} are like is known only once they are read.",
            param_hint="'--without-data'",
        )
    return plan_tasks(replace(experiment, dataset=None), outline.filled(), device)


def _table(estimated: "Estimate") -> "Table":
    table = table_of("task", "to compute", "stored", "seconds each")
    for line in estimated.lines:
        seconds = f"{line.seconds:.2f}" if line.seconds is not None else ""
        table.add_row(line.name, str(line.missing), str(line.stored), seconds)
    return table


def _gaps(estimated: "Estimate") -> Iterator[str]:
    """What has no estimate, and why."""
    for gap in estimated.gaps:
        tasks = f"{gap.tasks} {'task' if gap.tasks == 1 else 'tasks'}"
        yield f"No estimate for {gap.name} ({tasks}): {gap.reason}."


def _sharing(planned: "Plan") -> str:
    """How many trainings are saved since attacks, audits and rows share models."""
    distinct, alone = planned.trainings
    return (
        f"{distinct:,} models in all, trained or derived. Attacks, audits and rows that trained their own would need "
        f"{alone:,}: sharing saves {alone - distinct:,}."
    )


def _size(sized: "Sizing", device: str, speed: float, *, complete: bool) -> list[str]:
    """What the tasks take and need, a sentence each."""
    from amulet.report.words.vocabulary.durations import duration

    lacking = "" if complete else ", without what has no estimate"
    faster = f", divided by {speed:g} (--speed)" if speed != 1 else ""
    what = "one GPU" if device.startswith("cuda") else "one thread"
    long = [(name, seconds) for name, seconds in sized.chain if seconds >= sized.longest / 100]
    longest = ", then ".join(f"{name} {duration(seconds)}" for name, seconds in long)
    alone, together, chain, least, most = map(
        duration, (sized.seconds, sized.seconds / sized.workers, sized.longest, sized.least, sized.most)
    )
    times = f"{sized.tasks:,} tasks. About {alone} on one process, {together} on {sized.workers}{lacking}."
    waiting = (
        f"Tasks wait for each other: the longest chain takes {chain} ({longest}). "
        f"So on {sized.workers} it takes {least} at least, and {most} at most."
    )
    room = (
        f"The store grows by about {sized.bytes / 1e6:,.0f} MB. "
        f"A process needs up to about {sized.gigabytes:.1f} GB of memory."
    )
    return [times, waiting, room, f"Times are of {what} of this machine ({device}){faster}."]
