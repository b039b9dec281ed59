"""The subcommands. Each imports what it needs only when it runs, so that --help answers at once."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amulet.cli.endings import told_plainly
from amulet.cli.literature import literature
from amulet.cli.options import (
    AllowImports,
    Details,
    DeviceOption,
    FailIf,
    File,
    MaxSeeds,
    StoreOption,
    UntilDecided,
    Workers,
    check_device,
    named_imports,
    show_version,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from amulet.experiments import AuditResults, Experiment, PairResults, Plan, Results
    from amulet.experiments.registry.plugins import Plugin

app = typer.Typer(
    name="amulet",
    help="What a machine-learning defense does to every risk, not only to the one it was made for.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # a mistake is one line, which a pipe does not cut either
)
DEFAULT_STORE = Path("runs/store")


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=show_version, is_eager=True)
    ] = False,
) -> None:
    """What applies to every subcommand."""


@app.command()
def assess(  # noqa: PLR0913, PLR0917 - each is an option of the command line
    file: File,
    out: Annotated[Path | None, typer.Option("--out", help="Folder of the results; runs/<name> by default.")] = None,
    store: StoreOption = DEFAULT_STORE,
    device: DeviceOption = "cpu",
    workers: Workers = None,
    until_decided: UntilDecided = False,
    max_seeds: MaxSeeds = None,
    allow_imports: AllowImports = None,
    fail_if: FailIf = None,
    details: Details = False,
) -> None:
    """Plan, train, attack, measure and report; resumes an interrupted run."""
    with told_plainly() as console:
        from amulet.cli.conditions import end_if_one_holds
        from amulet.core.folders import require_writable
        from amulet.experiments.assess import carry_out
        from amulet.experiments.graph.store import Store
        from amulet.experiments.results.collect import columns_of
        from amulet.experiments.results.conditions import conditions
        from amulet.experiments.results.manifest import manifest_of
        from amulet.experiments.yaml.config import dump_experiment
        from amulet.report.console import open_console
        from amulet.report.pages.publishing import FILES, to_be_replaced, write_results
        from amulet.report.progress import shown

        kept, folder = Store(store), out and out.absolute()
        planned = _plan(file, device, until_decided, max_seeds, allow_imports)
        asked = conditions(fail_if or (), [row.label for row in planned.experiment.rows], columns_of(planned))
        folder = folder or Path("runs", planned.experiment.name).absolute()
        spec, content = planned.experiment.plain(), planned.dataset.content
        warned = _warn(to_be_replaced(folder, spec, content))
        require_writable(folder, FILES)
        with shown(open_console(errors=True)) as progress:
            planned, results = carry_out(planned, kept, workers, progress)
        _ = warned or _warn(to_be_replaced(folder, spec, content))  # another process may have written meanwhile
        page = write_results(results, manifest_of(planned, kept), folder, dump_experiment(planned.experiment))
        _show(results, page, console, file, details=details)
        end_if_one_holds(results, asked)


@app.command()
def compare(
    file: Annotated[Path, typer.Argument(help="The two checkpoints, as YAML.", exists=True, dir_okay=False)],
    out: Annotated[Path | None, typer.Option("--out", help="Folder of the results; runs/<name> by default.")] = None,
    device: DeviceOption = "cpu",
    allow_imports: AllowImports = None,
    details: Details = False,
) -> None:
    """Probe two trained models with the same records, without training anything, and report on this pair only."""
    with told_plainly() as console:
        folder, beside = out and out.absolute(), file.parent.absolute()
        from amulet.core.folders import require_writable
        from amulet.experiments.pairs.specification import compare_checkpoints
        from amulet.experiments.yaml.config import load_pair
        from amulet.report.console import open_console
        from amulet.report.pages.publishing import FILES, to_be_replaced, write_results
        from amulet.report.progress import probing

        check_device(device)
        pair = load_pair(file, named_imports(allow_imports))
        folder = folder or Path("runs", pair.name).absolute()
        require_writable(folder, FILES)
        with probing(open_console(errors=True)) as told:
            results, manifest = compare_checkpoints(pair, beside, device, told)
        _warn(to_be_replaced(folder, results.spec, results.content))
        _show(results, write_results(results, manifest, folder), console, details=details)


@app.command()
def audit(
    weights: Annotated[
        Path, typer.Argument(help="The weights: .safetensors, or a state dict as .pt.", exists=True, dir_okay=False)
    ],
    file: Annotated[Path, typer.Argument(help="The model and its data, as YAML.", exists=True, dir_okay=False)],
    out: Annotated[Path | None, typer.Option("--out", help="Folder of the results; runs/<name> by default.")] = None,
    device: DeviceOption = "cpu",
    allow_imports: AllowImports = None,
) -> None:
    """Run every attack and audit that needs no training on one trained model, and report on it."""
    with told_plainly() as console:
        folder = out and out.absolute()
        from amulet.core.folders import require_writable
        from amulet.experiments.model_audit.specification import audit_checkpoint
        from amulet.experiments.yaml.config import load_audit
        from amulet.report.console import open_console
        from amulet.report.pages.publishing import FILES, to_be_replaced, write_results
        from amulet.report.progress import probing

        check_device(device)
        asked = load_audit(file, named_imports(allow_imports))
        folder = folder or Path("runs", asked.name).absolute()
        require_writable(folder, FILES)
        with probing(open_console(errors=True)) as told:
            results, manifest = audit_checkpoint(asked, weights, device, told)
        _warn(to_be_replaced(folder, results.spec, results.content))
        _show(results, write_results(results, manifest, folder), console, details=True)


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
    with told_plainly() as console:
        from amulet.experiments.assess import resumed, workers_for
        from amulet.experiments.graph.store import Store
        from amulet.experiments.planning.estimate import estimate
        from amulet.experiments.planning.models_asked import models_asked

        planned = resumed(_plan(file, device, until_decided, max_seeds, allow_imports), Store(store))
        estimated = estimate(planned, Store(store))
        table = _table("task", "to compute", "stored", "seconds each")
        for line in estimated.lines:
            seconds = f"{line.seconds:.2f}" if line.seconds is not None else ""
            table.add_row(line.name, str(line.missing), str(line.stored), seconds)
        console.print(table)
        for sentence in models_asked(planned):
            console.print(sentence, markup=False, soft_wrap=True)
        for notice in planned.notices:
            console.print(f"Note: {notice}", markup=False, soft_wrap=True)
        for gap in estimated.gaps:
            tasks = f"{gap.tasks} {'task' if gap.tasks == 1 else 'tasks'}"
            console.print(f"No estimate for {gap.name} ({tasks}): {gap.reason}.", markup=False, soft_wrap=True)
        console.print(_sharing(planned), soft_wrap=True)
        minutes, workers = estimated.seconds / 60, workers_for(planned)
        without = ", without what has no estimate" if estimated.gaps else ""
        console.print(
            f"About {minutes:.1f} minutes on one process, {minutes / workers:.1f} on {workers}{without}."
            if estimated.missing
            else "Nothing to compute."
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
    with told_plainly() as console:
        from amulet.experiments.assess import inspected
        from amulet.experiments.graph.store import State, Store
        from amulet.experiments.planning.plan import count_by_kind

        kept = Store(store)
        planned = _plan(file, device, until_decided, max_seeds, allow_imports)
        planned, states = inspected(planned, kept, every_byte=verify)
        table = _table("task", "stored", "damaged", "of")
        counts = {state: count_by_kind(t for t in planned.tasks if states[t.digest] is state) for state in State}
        for kind, total in count_by_kind(planned.tasks).items():
            table.add_row(kind, str(counts[State.PRESENT][kind]), str(counts[State.DAMAGED][kind]), str(total))
        console.print(table)
        left = len(planned.missing(states))
        console.print(
            "Complete." if not left else f"{_tasks(left)} left; `amulet assess {file}` with the same options goes on."
        )


def _sharing(planned: "Plan") -> str:
    """How many trainings are saved since attacks, audits and rows share models."""
    distinct, alone = planned.trainings
    return (
        f"{distinct:,} models in all, trained or derived. Attacks, audits and rows that trained their own would need "
        f"{alone:,}: sharing saves {alone - distinct:,}."
    )


def _tasks(count: int) -> str:
    return "1 task is" if count == 1 else f"{count} tasks are"


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="A folder with results.json.", file_okay=False)],
    fail_if: FailIf = None,
    details: Details = False,
) -> None:
    """Write the report of a finished assessment again, and show its matrix."""
    with told_plainly() as console:
        from amulet.cli.conditions import end_if_one_holds
        from amulet.experiments.model_audit.results import AuditResults
        from amulet.experiments.pairs.results import PairResults
        from amulet.experiments.results import result_folders
        from amulet.experiments.results.conditions import conditions
        from amulet.experiments.results.results import Results
        from amulet.report import write, write_audit, write_pair

        kind, manifest = result_folders.kind_of_results(folder), result_folders.read_manifest(folder)
        if fail_if and kind in {result_folders.PAIR, result_folders.AUDIT}:
            raise typer.BadParameter(
                "It is for assessments, not for one or two given models.", param_hint="'--fail-if'"
            )
        match kind:
            case result_folders.PAIR:
                pair = PairResults.read(folder)
                _show(pair, write_pair(pair, manifest, folder), console, details=details)
            case result_folders.AUDIT:
                audited = AuditResults.read(folder)
                _show(audited, write_audit(audited, folder, manifest), console, details=details)
            case _:
                results = Results.read(folder)
                asked = conditions(fail_if or (), results.rows, results.columns)
                written = folder / "experiment.yaml"
                page = write(results, manifest, folder)
                _show(results, page, console, written if written.exists() else None, details=details)
                end_if_one_holds(results, asked)


@app.command("list")
def list_plugins(
    kind: Annotated[str | None, typer.Argument(help="attack, audit, defense, metric, dataset, model, ...")] = None,
) -> None:
    """List every plug-in with one line and its paper."""
    with told_plainly() as console:
        from amulet.core.errors import AmuletError
        from amulet.experiments.registry.plugins import Kind, plugins

        if kind is not None and kind not in set(Kind):
            raise AmuletError(f"The kind must be one of {', '.join(Kind)}. Got '{kind}'.")
        found = [plugin for plugin in plugins() if kind in (None, plugin.kind)]
        found = sorted(found, key=lambda plugin: list(Kind).index(plugin.kind))
        if console.is_terminal:
            _by_risk(found, console)
            return
        table = _table("kind", "name", "risk", "what it is")
        for plugin in found:
            table.add_row(plugin.kind, plugin.name, plugin.risk, plugin.summary)
        console.print(table)


def _by_risk(found: "list[Plugin]", console: "Console") -> None:
    """Plug-ins under headings, so that no name is cut however narrow the terminal is."""
    from itertools import groupby

    from rich.table import Table

    for (kind, risk), listed in groupby(found, key=lambda plugin: (plugin.kind, plugin.risk)):
        console.print(f"\n{kind} {risk}".rstrip(), style="bold")
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 2))
        table.add_column(no_wrap=True, overflow="ignore")
        table.add_column(overflow="fold")
        for plugin in listed:
            table.add_row(plugin.name, plugin.summary)
        console.print(table)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A name as `amulet list` shows it, such as PGD.")],
) -> None:
    """Show one plug-in: its settings and defaults, its source, the fields of its outcome, and an example."""
    with told_plainly() as console:
        from amulet.experiments.registry import description
        from amulet.experiments.registry.plugins import find_plugin

        plugin = find_plugin(name)
        of = f" of {plugin.risk}" if plugin.risk else ""
        console.print(f"{plugin.name}, {plugin.kind}{of} ({plugin.home}.{plugin.name})", style="bold")
        console.print(f"{description.about(plugin)}\n\nSource: {description.source(plugin)}\n")
        entries = description.settings(plugin)
        explained = any(entry.meaning for entry in entries)
        table = _table("setting", "default", *(["meaning"] if explained else []))
        for entry in entries:
            table.add_row(entry.name, entry.default, *([entry.meaning] if explained else []))
        console.print(table if table.row_count else "It has no settings.")
        if found := description.outcome(plugin):
            fields = _table(f"field of {found[0]}", "meaning")
            for entry in found[1]:
                fields.add_row(entry.name, entry.meaning)
            console.print(fields)
        if lines := description.example(plugin):
            console.print("\n".join(["Example:", *(f"  {line}" for line in lines)]))


@app.command()
def init(
    data: Annotated[Path, typer.Argument(help="A CSV file with a line of column names.", exists=True, dir_okay=False)],
    target: Annotated[str | None, typer.Option("--target", help="The column to predict; guessed by default.")] = None,
    sensitive: Annotated[
        str | None, typer.Option("--sensitive", metavar="NAME[,NAME]", help="Sensitive columns; guessed by default.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The file to write; beside the data by default.")] = None,
) -> None:
    """Write a first experiment on a CSV file, as YAML with comments."""
    with told_plainly() as console:
        from amulet.core.errors import AmuletError
        from amulet.experiments.yaml.starter import file_of, guessed, read_columns, starter

        place = out or file_of(data)
        if place.exists():
            raise AmuletError(f"{place} is there already. Name another file with --out, or remove it.")
        if out is not None and out.absolute().parent != data.absolute().parent:
            raise AmuletError(f"{out} must lie in the folder of {data.name}, from which its paths count.")
        table, sep = read_columns(data)
        named = None if sensitive is None else [name.strip() for name in sensitive.split(",") if name.strip()]
        columns = guessed(table, target, named)
        place.write_text(starter(data, table, sep, columns), encoding="utf-8")
        console.print(
            f"{place} predicts '{columns.target}' from {len(table):,} records; "
            f"sensitive: {', '.join(columns.sensitive) or 'none'}; left out: "
            f"{', '.join(name for name, _ in columns.drop) or 'none'}.\n"
            f"Check what was guessed, then run: amulet assess {place}",
            soft_wrap=True,
        )


app.command("literature")(literature)


def _table(*columns: str) -> "Table":
    from rich.table import Table

    table = Table()
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _plan(
    file: Path, device: str, until_decided: bool, max_seeds: int | None, allow_imports: list[str] | None
) -> "Plan":
    """The plan of the experiment in a file; options of the command line override what the file says."""
    from amulet.experiments import load_experiment
    from amulet.experiments.planning.plan import plan as plan_tasks

    check_device(device)
    experiment: Experiment = load_experiment(file, named_imports(allow_imports))
    experiment = replace(
        experiment,
        until_decided=experiment.until_decided or until_decided,
        seeds=experiment.seeds if max_seeds is None else max_seeds,
    )
    return plan_tasks(experiment, device=device)


def _warn(sentence: str | None) -> bool:
    """Log a sentence as a warning if there is one. Returns whether there was one."""
    if sentence is not None:
        logging.getLogger("amulet").warning("%s", sentence)
    return sentence is not None


def _show(
    results: "Results | PairResults | AuditResults",
    page: Path,
    console: "Console",
    file: Path | None = None,
    *,
    details: bool,
) -> None:
    from amulet.experiments.model_audit.results import AuditResults
    from amulet.experiments.pairs.results import PairResults
    from amulet.report.pages.audit_terminal import audit_table
    from amulet.report.pages.glance_terminal import glance
    from amulet.report.pages.matrix_terminal import matrix_table
    from amulet.report.pages.pair_terminal import pair_glance, pair_table
    from amulet.report.words.next_commands import next_commands

    width = console.width if console.is_terminal else None
    match results:
        case PairResults():
            console.print(pair_table(results) if details else pair_glance(results, width))
        case AuditResults():
            console.print(audit_table(results))
        case _:
            console.print(matrix_table(results, width) if details else glance(results, width))
            console.print()
            for line in () if details else next_commands(results, page.parent, file):
                console.print(f"Next: {line}", soft_wrap=True)
    console.print(f"Report: {page.resolve()}", soft_wrap=True)
