"""Subcommands on an experiment: `assess`, `status`, and `report` on what is finished."""

from pathlib import Path
from typing import Annotated

import typer

from amulet.cli.endings import end_if_incomplete, told_plainly
from amulet.cli.options import (
    DEFAULT_STORE,
    AllowImports,
    Details,
    DeviceOption,
    FailIf,
    File,
    MaxSeeds,
    On,
    StoreOption,
    TimeLimit,
    UntilDecided,
    Workers,
    check_device,
    check_place,
    check_store,
)
from amulet.cli.plans import experiment_in, planned_in
from amulet.cli.printing import show_results, table_of, warn


def assess(  # noqa: PLR0913, PLR0917 - each is an option of the command line
    context: typer.Context,
    file: File,
    out: Annotated[Path | None, typer.Option("--out", help="Folder of the results; runs/<name> by default.")] = None,
    store: StoreOption = DEFAULT_STORE,
    device: DeviceOption = "cpu",
    workers: Workers = None,
    on: On = "local",
    time_limit: TimeLimit = None,
    until_decided: UntilDecided = False,
    max_seeds: MaxSeeds = None,
    allow_imports: AllowImports = None,
    fail_if: FailIf = None,
    details: Details = False,
) -> None:
    """Plan, train, attack, measure and report; resumes an interrupted run."""
    with told_plainly() as console:
        from amulet.cli.repeated import Question, Said, data_files, listing_if_complete, say, warnings_noted

        question = Question.of(context.params, file, store, console)
        if said := question.answer():
            say(said, console)
            return

        from amulet.cli.conditions import end_if_any, holding
        from amulet.core.storage.folders import require_writable
        from amulet.experiments.assess import carry_out
        from amulet.experiments.graph.store import Store
        from amulet.experiments.planning.plan import plan
        from amulet.experiments.results.collect import columns_of
        from amulet.experiments.results.conditions import conditions
        from amulet.experiments.results.files.manifest import manifest_of
        from amulet.experiments.yaml.config import dump_experiment
        from amulet.report.console import open_console, rendered, show_rendered
        from amulet.report.pages.publishing import FILES, to_be_replaced, write_results
        from amulet.report.progress import shown

        check_store(store)
        check_place(on, workers)
        check_device(device)
        kept, folder = Store(store), out and out.absolute()
        with warnings_noted() as warnings:
            experiment = experiment_in(file, until_decided, max_seeds, allow_imports)
            data = data_files(experiment)
            planned = plan(experiment, device=device)
        labels = [row.label for row in planned.experiment.rows]
        asked = conditions(fail_if or (), labels, columns_of(planned), planned.left_out, planned.not_judged)
        folder = folder or Path("runs", planned.experiment.name).absolute()
        spec, content = planned.experiment.plain(), planned.dataset.content
        warned = warn(to_be_replaced(folder, spec, content))
        require_writable(folder, FILES)
        with shown(open_console(errors=True)) as progress:
            planned, results = carry_out(planned, kept, workers, progress, on, time_limit)
        listing = None if data is None else listing_if_complete(planned, kept)
        _ = warned or warn(to_be_replaced(folder, spec, content))  # another process may have written meanwhile
        written = write_results(results, manifest_of(planned, kept), folder, dump_experiment(planned.experiment))
        table = rendered(console, lambda: show_results(results, written.page, console, file, details=details))
        show_rendered(console, table)
        said = Said((*warnings, *planned.notices), table, holding(results, asked))
        if data is not None and listing is not None and not results.failures:
            question.keep(said, {**data, **written.checksums}, listing)
        end_if_any(said.conditions)
        end_if_incomplete(results, written.page)


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
        planned = planned_in(file, device, until_decided, max_seeds, allow_imports)
        planned, states = inspected(planned, kept, every_byte=verify)
        table = table_of("task", "stored", "damaged", "of")
        counts = {state: count_by_kind(t for t in planned.tasks if states[t.digest] is state) for state in State}
        for kind, total in count_by_kind(planned.tasks).items():
            table.add_row(kind, str(counts[State.PRESENT][kind]), str(counts[State.DAMAGED][kind]), str(total))
        console.print(table)
        left = len(planned.missing(states))
        console.print(
            "Complete." if not left else f"{_tasks(left)} left; `amulet assess {file}` with the same options goes on."
        )


def report(
    folder: Annotated[Path, typer.Argument(help="A folder with results.json.", file_okay=False)],
    fail_if: FailIf = None,
    details: Details = False,
) -> None:
    """Write the report of a finished assessment again, and show its matrix."""
    with told_plainly() as console:
        from amulet.cli.conditions import end_if_any, holding
        from amulet.experiments.model_audit.results import AuditResults
        from amulet.experiments.pairs.results import PairResults
        from amulet.experiments.results.conditions import conditions
        from amulet.experiments.results.files import result_folders
        from amulet.experiments.results.results import Results
        from amulet.report.pages.publishing import write_pages

        kind, manifest = result_folders.kind_of_results(folder), result_folders.read_manifest(folder)
        if fail_if and kind in {result_folders.PAIR, result_folders.AUDIT}:
            raise typer.BadParameter(
                "It is for assessments, not for one or two given models.", param_hint="'--fail-if'"
            )
        match kind:
            case result_folders.PAIR:
                pair = PairResults.read(folder)
                show_results(pair, write_pages(pair, manifest, folder), console, details=details)
            case result_folders.AUDIT:
                audited = AuditResults.read(folder)
                show_results(audited, write_pages(audited, manifest, folder), console, details=details)
            case _:
                results = Results.read(folder)
                unjudged = results.not_judged
                asked = conditions(fail_if or (), results.rows, results.columns, results.left_out, unjudged)
                written = folder / "experiment.yaml"
                page = write_pages(results, manifest, folder)
                show_results(results, page, console, written if written.exists() else None, details=details)
                end_if_any(holding(results, asked))
                end_if_incomplete(results, page)


def _tasks(count: int) -> str:
    return "1 task is" if count == 1 else f"{count} tasks are"
