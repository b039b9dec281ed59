"""The command. Heavy packages are imported where they are used, so that --help answers at once."""

import logging
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console
    from rich.table import Table

    from amulet.experiments import Experiment, PairResults, Plan, Results, Store

app = typer.Typer(
    name="amulet",
    help="What a machine-learning defense does to every risk, not only to the one it was made for.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

File = Annotated[Path, typer.Argument(help="The experiment, as YAML.", exists=True, dir_okay=False)]
StoreOption = Annotated[Path, typer.Option("--store", help="Where results are kept and shared.")]
DeviceOption = Annotated[str, typer.Option("--device", help='"cpu", or a CUDA device such as "cuda:0".')]
UntilDecided = Annotated[
    bool, typer.Option("--until-decided", help="Begin with 5 seeds; add more only where a verdict is undecided.")
]
MaxSeeds = Annotated[int | None, typer.Option("--max-seeds", min=2, help="Seeds at most; the file's by default.")]
DEFAULT_STORE = Path("runs/store")


@app.command()
def assess(
    file: File,
    out: Annotated[Path | None, typer.Option("--out", help="Folder of the results; runs/<name> by default.")] = None,
    store: StoreOption = DEFAULT_STORE,
    device: DeviceOption = "cpu",
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Processes; one per core by default.")] = None,
    until_decided: UntilDecided = False,
    max_seeds: MaxSeeds = None,
) -> None:
    """Plan, train, attack, measure and report; goes on where it was stopped."""
    with _told_plainly() as console:
        from amulet.experiments.assess import carry_out
        from amulet.experiments.store import Store
        from amulet.report.progress import shown

        planned = _plan(file, device, until_decided, max_seeds)
        with shown(console) as progress:
            planned, results = carry_out(planned, Store(store), workers, progress)
        _publish(results, planned, Store(store), out or Path("runs") / results.experiment, console)


@app.command()
def compare(
    file: Annotated[Path, typer.Argument(help="The two checkpoints, as YAML.", exists=True, dir_okay=False)],
    out: Annotated[Path | None, typer.Option("--out", help="Folder of the results; runs/<name> by default.")] = None,
    device: DeviceOption = "cpu",
) -> None:
    """Probe two trained models with the same records, without training anything, and report on this pair only."""
    with _told_plainly() as console:
        _find_code_beside(file)
        from amulet.experiments.config import load_pair
        from amulet.experiments.pair_files import carry_out
        from amulet.report.progress import probing

        pair = load_pair(file)
        with probing(console) as told:
            results, manifest = carry_out(pair, file.parent, device, told)
        folder = out or Path("runs") / results.name
        _write(results.to_json(), manifest, folder)
        _show(results, manifest, folder, console)


@app.command()
def plan(
    file: File,
    store: StoreOption = DEFAULT_STORE,
    device: DeviceOption = "cpu",
    until_decided: UntilDecided = False,
    max_seeds: MaxSeeds = None,
) -> None:
    """Check an experiment and show what would be computed, and about how long it takes."""
    with _told_plainly() as console:
        from amulet.experiments.assess import cores, resumed
        from amulet.experiments.estimate import estimate
        from amulet.experiments.store import Store

        planned = resumed(_plan(file, device, until_decided, max_seeds), Store(store))
        estimated = estimate(planned, Store(store))
        table = _table("task", "to compute", "stored", "seconds each")
        for line in estimated.lines:
            seconds = f"{line.seconds:.2f}" if line.seconds is not None else ""
            table.add_row(line.name, str(line.missing), str(line.stored), seconds)
        console.print(table)
        for notice in planned.notices:
            console.print(f"Note: {notice}", markup=False, soft_wrap=True)
        minutes = estimated.seconds / cores() / 60
        console.print(
            f"About {minutes:.1f} minutes on {cores()} processes." if estimated.missing else "Nothing to compute."
        )
        if planned.seeds < planned.experiment.looks[-1] and estimated.missing:
            console.print(
                f"This is for {planned.seeds} seeds. Where a verdict is then undecided, it goes on: "
                f"at most {planned.experiment.looks[-1]} seeds."
            )


@app.command()
def status(
    file: File,
    store: StoreOption = DEFAULT_STORE,
    device: DeviceOption = "cpu",
    until_decided: UntilDecided = False,
    max_seeds: MaxSeeds = None,
) -> None:
    """Show how much of an experiment the store has."""
    with _told_plainly() as console:
        from amulet.experiments.assess import resumed
        from amulet.experiments.plan import count_by_kind
        from amulet.experiments.store import State, Store

        planned = resumed(_plan(file, device, until_decided, max_seeds), Store(store))
        states = planned.states(Store(store))
        table = _table("task", "stored", "damaged", "of")
        counts = {state: count_by_kind(t for t in planned.tasks if states[t.digest] is state) for state in State}
        for kind, total in count_by_kind(planned.tasks).items():
            table.add_row(kind, str(counts[State.PRESENT][kind]), str(counts[State.DAMAGED][kind]), str(total))
        console.print(table)
        left = len(planned.missing(states))
        console.print(
            "Complete."
            if not left
            else f"{left} tasks are left; `amulet assess {file}` with the same options computes them.",
            markup=False,
        )


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="A folder with results.json.", file_okay=False)],
) -> None:
    """Write the report of a finished assessment again, and show its matrix."""
    with _told_plainly() as console:
        import json

        from amulet.core.errors import AmuletError
        from amulet.experiments.pair_results import PairResults, holds_pair
        from amulet.experiments.results import Results

        kind = PairResults if holds_pair(folder) else Results
        results = kind.read(folder)
        try:
            manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise AmuletError(
                f"There is no whole manifest.json in {folder} ({error}). Assess again to have one."
            ) from None
        _show(results, manifest, folder, console)


@app.command("list")
def list_plugins(
    kind: Annotated[str | None, typer.Argument(help="attack, audit, defense, metric, dataset, model, ...")] = None,
) -> None:
    """List every plug-in with one line and its paper."""
    with _told_plainly() as console:
        from amulet.core.errors import AmuletError
        from amulet.experiments.registry import Kind, plugins

        if kind is not None and kind not in set(Kind):
            raise AmuletError(f"The kind must be one of {', '.join(Kind)}. Got '{kind}'.")
        table = _table("kind", "name", "risk", "what it is")
        for plugin in sorted(plugins(), key=lambda plugin: list(Kind).index(plugin.kind)):
            if kind in (None, plugin.kind):
                table.add_row(plugin.kind, plugin.name, plugin.risk, plugin.summary)
        console.print(table)


@contextmanager
def _told_plainly() -> "Iterator[Console]":
    """A console for results; what goes wrong is told in sentences on standard error, with exit code 1."""
    from rich.console import Console
    from rich.logging import RichHandler

    errors = Console(stderr=True)
    logging.basicConfig(level="WARNING", format="%(message)s", handlers=[RichHandler(console=errors, show_path=False)])
    from amulet.core.errors import AmuletError

    try:
        yield Console()
    except KeyboardInterrupt:
        errors.print("Interrupted. What was computed is kept; the same command goes on from there.")
        raise typer.Exit(130) from None
    except AmuletError as error:
        errors.print(str(error), markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
    except OSError as error:
        told = f"{error.filename or 'A file'} cannot be used: {error.strerror or error}."
        errors.print(told, markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None


def _table(*columns: str) -> "Table":
    from rich.table import Table

    table = Table()
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _plan(file: Path, device: str, until_decided: bool, max_seeds: int | None) -> "Plan":
    """What is told on the command line goes before the file."""
    _find_code_beside(file)
    from amulet.experiments import load_experiment
    from amulet.experiments.plan import plan as plan_tasks

    experiment: Experiment = load_experiment(file)
    experiment = replace(
        experiment,
        until_decided=experiment.until_decided or until_decided,
        seeds=experiment.seeds if max_seeds is None else max_seeds,
    )
    return plan_tasks(experiment, device=device)


def _find_code_beside(file: Path) -> None:
    """Code of the user's own may lie beside the file, as it may for a script."""
    sys.path.insert(0, str(file.resolve().parent))


def _write(results: str, manifest: "dict[str, object]", folder: Path) -> None:
    import json

    from amulet.core.files import write_text

    write_text(folder / "results.json", results)
    write_text(folder / "manifest.json", json.dumps(manifest, indent=1))


def _publish(results: "Results", planned: "Plan", store: "Store", out: Path, console: "Console") -> None:
    from amulet.core.files import write_text
    from amulet.experiments.config import dump_experiment
    from amulet.experiments.manifest import manifest_of

    manifest = manifest_of(planned, store)
    _write(results.to_json(), manifest, out)
    write_text(out / "experiment.yaml", dump_experiment(planned.experiment))
    _show(results, manifest, out, console)


def _show(results: "Results | PairResults", manifest: "dict[str, object]", folder: Path, console: "Console") -> None:
    from amulet.experiments.pair_results import PairResults
    from amulet.report import write, write_pair
    from amulet.report.pair_terminal import pair_table
    from amulet.report.terminal import matrix_table

    if isinstance(results, PairResults):
        page = write_pair(results, manifest, folder)
        console.print(pair_table(results))
    else:
        page = write(results, manifest, folder)
        console.print(matrix_table(results, width=console.width))
    console.print(f"Report: {page.resolve()}", soft_wrap=True, markup=False)


if __name__ == "__main__":
    app()
