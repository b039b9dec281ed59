"""The command. Heavy packages are imported where they are used, so that --help answers at once."""

import logging
import re
import signal
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console
    from rich.table import Table

    from amulet.experiments import Experiment, PairResults, Plan, Results

app = typer.Typer(
    name="amulet",
    help="What a machine-learning defense does to every risk, not only to the one it was made for.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # a mistake is one line, which a pipe does not cut either
)


def _number(least: int, most: int) -> "Callable[[str], int]":
    """Reads a whole number of a range, or says in one sentence why it is none."""

    def read(given: str) -> int:
        if not re.fullmatch(r"[-+]?[0-9]{1,9}", str(given)) or not least <= int(given) <= most:
            raise typer.BadParameter(f"It must be a whole number from {least:,} to {most:,}. Got {given!r}.")
        return int(given)

    return read


File = Annotated[Path, typer.Argument(help="The experiment, as YAML.", exists=True, dir_okay=False)]
StoreOption = Annotated[Path, typer.Option("--store", help="Where results are kept and shared.")]
DeviceOption = Annotated[str, typer.Option("--device", help='"cpu", or a CUDA device such as "cuda:0".')]
AllowImports = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-imports",
        metavar="NAME[,NAME]",
        help="Modules, packages or module:name that the file may import, beside plug-ins and modules next to it.",
    ),
]
UntilDecided = Annotated[
    bool, typer.Option("--until-decided", help="Begin with 5 seeds; add more only where a verdict is undecided.")
]
MaxSeeds = Annotated[
    int | None,
    typer.Option(
        "--max-seeds", parser=_number(2, 1000), metavar="NUMBER", help="Seeds at most; the file's by default."
    ),
]
Workers = Annotated[
    int | None,
    typer.Option("--workers", parser=_number(1, 1024), metavar="NUMBER", help="Processes; one per core by default."),
]
DEFAULT_STORE = Path("runs/store")
KEPT = "What was computed is kept; the same command goes on from there."


@app.command()
def assess(
    file: File,
    out: Annotated[Path | None, typer.Option("--out", help="Folder of the results; runs/<name> by default.")] = None,
    store: StoreOption = DEFAULT_STORE,
    device: DeviceOption = "cpu",
    workers: Workers = None,
    until_decided: UntilDecided = False,
    max_seeds: MaxSeeds = None,
    allow_imports: AllowImports = None,
) -> None:
    """Plan, train, attack, measure and report; goes on where it was stopped."""
    with _told_plainly() as console:
        from amulet.core.folders import require_writable
        from amulet.experiments.assess import carry_out
        from amulet.experiments.graph.store import Store
        from amulet.experiments.results.manifest import manifest_of
        from amulet.experiments.yaml.config import dump_experiment
        from amulet.report.pages.publishing import FILES, to_be_replaced, write_results
        from amulet.report.progress import shown

        kept, folder = Store(store), out and out.absolute()
        planned = _plan(file, device, until_decided, max_seeds, allow_imports)
        folder = folder or Path("runs", planned.experiment.name).absolute()
        spec, content = planned.experiment.plain(), planned.dataset.content
        warned = _warn(to_be_replaced(folder, spec, content))
        require_writable(folder, FILES)
        with shown(console) as progress:
            planned, results = carry_out(planned, kept, workers, progress)
        _ = warned or _warn(to_be_replaced(folder, spec, content))  # another process may have written meanwhile
        page = write_results(results, manifest_of(planned, kept), folder, dump_experiment(planned.experiment))
        _show(results, page, console)


@app.command()
def compare(
    file: Annotated[Path, typer.Argument(help="The two checkpoints, as YAML.", exists=True, dir_okay=False)],
    out: Annotated[Path | None, typer.Option("--out", help="Folder of the results; runs/<name> by default.")] = None,
    device: DeviceOption = "cpu",
    allow_imports: AllowImports = None,
) -> None:
    """Probe two trained models with the same records, without training anything, and report on this pair only."""
    with _told_plainly() as console:
        folder, beside = out and out.absolute(), file.parent.absolute()
        from amulet.core.folders import require_writable
        from amulet.experiments.pairs.specification import carry_out
        from amulet.experiments.yaml.config import load_pair
        from amulet.report.pages.publishing import FILES, to_be_replaced, write_results
        from amulet.report.progress import probing

        _check_device(device)
        pair = load_pair(file, _names(allow_imports))
        folder = folder or Path("runs", pair.name).absolute()
        require_writable(folder, FILES)
        with probing(console) as told:
            results, manifest = carry_out(pair, beside, device, told)
        _warn(to_be_replaced(folder, results.spec, results.content))
        _show(results, write_results(results, manifest, folder), console)


@app.command()
def plan(
    file: File,
    store: StoreOption = DEFAULT_STORE,
    device: DeviceOption = "cpu",
    until_decided: UntilDecided = False,
    max_seeds: MaxSeeds = None,
    allow_imports: AllowImports = None,
) -> None:
    """Check an experiment and show what would be computed, and about how long it takes."""
    with _told_plainly() as console:
        from amulet.experiments.assess import cores, resumed
        from amulet.experiments.graph.store import Store
        from amulet.experiments.planning.estimate import estimate

        planned = resumed(_plan(file, device, until_decided, max_seeds, allow_imports), Store(store))
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
    verify: Annotated[bool, typer.Option("--verify", help="Read every byte; set aside what is damaged.")] = False,
    allow_imports: AllowImports = None,
) -> None:
    """Show how much of an experiment the store has."""
    with _told_plainly() as console:
        from amulet.experiments.assess import resumed, verified
        from amulet.experiments.graph.store import State, Store
        from amulet.experiments.planning.plan import count_by_kind

        kept = Store(store)
        planned = _plan(file, device, until_decided, max_seeds, allow_imports)
        if verify:
            verified(planned, kept)
        planned = resumed(planned, kept)
        states = verified(planned, kept) if verify else planned.states(kept)
        table = _table("task", "stored", "damaged", "of")
        counts = {state: count_by_kind(t for t in planned.tasks if states[t.digest] is state) for state in State}
        for kind, total in count_by_kind(planned.tasks).items():
            table.add_row(kind, str(counts[State.PRESENT][kind]), str(counts[State.DAMAGED][kind]), str(total))
        console.print(table)
        left = len(planned.missing(states))
        console.print(
            "Complete."
            if not left
            else f"{left} tasks are left; `amulet assess {file}` with the same options computes them."
        )


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="A folder with results.json.", file_okay=False)],
) -> None:
    """Write the report of a finished assessment again, and show its matrix."""
    with _told_plainly() as console:
        from amulet.experiments.pairs.results import PairResults
        from amulet.experiments.results.results import Results
        from amulet.experiments.results.results_file import holds_pair, read_manifest
        from amulet.report import write, write_pair

        kind = PairResults if holds_pair(folder) else Results
        results, manifest = kind.read(folder), read_manifest(folder)
        if isinstance(results, PairResults):
            page = write_pair(results, manifest, folder)
        else:
            page = write(results, manifest, folder)
        _show(results, page, console)


@app.command("list")
def list_plugins(
    kind: Annotated[str | None, typer.Argument(help="attack, audit, defense, metric, dataset, model, ...")] = None,
) -> None:
    """List every plug-in with one line and its paper."""
    with _told_plainly() as console:
        from amulet.core.errors import AmuletError
        from amulet.experiments.registry.plugins import Kind, plugins

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
    from amulet.core.containment import told
    from amulet.core.errors import AmuletError
    from amulet.report.console import PipeClosed, Told, open_console

    errors = open_console(errors=True)
    logging.basicConfig(level="WARNING", format="%(message)s", handlers=[Told(errors)])

    def end(sentence: str, code: int) -> typer.Exit:
        errors.print(sentence, soft_wrap=True)
        return typer.Exit(code)

    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield open_console()
    except _Terminated:
        raise end(f"Terminated. {KEPT}", 128 + signal.SIGTERM) from None
    except KeyboardInterrupt:
        raise end(f"Interrupted. {KEPT}", 128 + signal.SIGINT) from None
    except PipeClosed:
        raise typer.Exit(128 + signal.SIGPIPE) from None
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except AmuletError as error:
        raise end(str(error), 1) from None
    except OSError as error:
        raise end(f"{error.filename or 'A file'} cannot be used: {error.strerror or error}.", 1) from None
    except BaseException as error:
        logging.getLogger("amulet").debug("Ended", exc_info=True)
        raise end(f"Amulet, or code that it was given, failed: {told(error)}.", 1) from None
    finally:
        signal.signal(signal.SIGTERM, before)


class _Terminated(KeyboardInterrupt):
    """SIGTERM, which is to end the work as Control-C does."""


def _terminate(number: int, frame: object) -> None:
    del number, frame
    raise _Terminated


def _table(*columns: str) -> "Table":
    from rich.table import Table

    table = Table()
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _plan(
    file: Path, device: str, until_decided: bool, max_seeds: int | None, allow_imports: list[str] | None
) -> "Plan":
    """What is told on the command line goes before the file."""
    from amulet.experiments import load_experiment
    from amulet.experiments.planning.plan import plan as plan_tasks

    _check_device(device)
    experiment: Experiment = load_experiment(file, _names(allow_imports))
    experiment = replace(
        experiment,
        until_decided=experiment.until_decided or until_decided,
        seeds=experiment.seeds if max_seeds is None else max_seeds,
    )
    return plan_tasks(experiment, device=device)


def _names(allow_imports: list[str] | None) -> tuple[str, ...]:
    """What may be imported, as a list with commas, or as several options."""
    names = tuple(name.strip() for listed in allow_imports or () for name in listed.split(","))
    for name in names:
        if not all(part.isidentifier() for part in name.replace(":", ".", 1).split(".")):
            told = f"A name must be a module, a package or module:name. Got '{name}'."
            raise typer.BadParameter(told, param_hint="'--allow-imports'")
    return names


def _check_device(device: str) -> None:
    """A device that is not there is a mistake of the command, not of the file."""
    from amulet.core.errors import InvalidParameter
    from amulet.experiments.planning.plan import check_device

    try:
        check_device(device)
    except InvalidParameter as error:
        raise typer.BadParameter(str(error), param_hint="'--device'") from None


def _warn(sentence: str | None) -> bool:
    """Log a sentence, if there is one; whether there was."""
    if sentence is not None:
        logging.getLogger("amulet").warning("%s", sentence)
    return sentence is not None


def _show(results: "Results | PairResults", page: Path, console: "Console") -> None:
    from amulet.experiments.pairs.results import PairResults
    from amulet.report.pages.matrix_terminal import matrix_table
    from amulet.report.pages.pair_terminal import pair_table

    if isinstance(results, PairResults):
        console.print(pair_table(results))
    else:
        console.print(matrix_table(results, width=console.width if console.is_terminal else None))
    console.print(f"Report: {page.resolve()}", soft_wrap=True)


if __name__ == "__main__":
    app()
