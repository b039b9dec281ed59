"""Subcommands on a store: verify it, delete what is not needed, export results into one file, and import them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amulet.cli.endings import told_plainly
from amulet.cli.options import DEFAULT_STORE, AllowImports, StoreOption, named_imports, number

if TYPE_CHECKING:
    from collections.abc import Collection

    from rich.console import Console

    from amulet.experiments.graph.store import Store
    from amulet.experiments.maintenance.deletion import Unneeded
    from amulet.experiments.maintenance.files import StoreFile
    from amulet.experiments.maintenance.verification import Verification

NOTHING_CHANGED = "The store is as it was."
NO_ARCHIVE = "No file was written."
UNDONE = "What was deleted is deleted; the rest is as it was."
SO_FAR = "What was imported is whole; the same command imports the rest."
SHOWN = 20
"""The number of files that are listed one by one; further ones are counted."""

stores = typer.Typer(
    help="Verify a store of results, delete what is not needed, or move results to another store.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Files = Annotated[
    list[Path] | None,
    typer.Argument(help="Experiments, as YAML or as folders of results; everything by default.", exists=True),
]
Kept = Annotated[
    list[Path] | None,
    typer.Argument(help="Experiments whose results are kept, as YAML or as folders of results.", exists=True),
]
OlderThan = Annotated[
    int | None,
    typer.Option(
        "--older-than", parser=number(1, 100_000), metavar="DAYS", help="Delete only results older than so many days."
    ),
]
Archive = Annotated[Path, typer.Argument(help="The file, such as results.tar.", dir_okay=False)]


@stores.command()
def verify(
    store: StoreOption = DEFAULT_STORE,
    set_aside: Annotated[
        bool, typer.Option("--set-aside", help="Move what is damaged to the store's folder 'damaged'.")
    ] = False,
) -> None:
    """Read every byte of a store and check it; exit code 1 if anything is damaged."""
    with told_plainly(NOTHING_CHANGED) as console:
        from amulet.experiments.graph.store import Store
        from amulet.experiments.maintenance.verification import verify_store
        from amulet.report.console import open_console
        from amulet.report.progress import counting_bytes

        with counting_bytes(open_console(errors=True), "Verifying") as count:
            found = verify_store(Store(store), set_aside=set_aside, on_read=count)
        _show(found, console)
        if not found.is_sound:
            raise typer.Exit(1)


@stores.command()
def gc(
    files: Kept = None,
    older_than: OlderThan = None,
    damaged: Annotated[bool, typer.Option("--damaged", help="Also delete what is in the folder 'damaged'.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Delete nothing; show what would be deleted.")] = False,
    store: StoreOption = DEFAULT_STORE,
    allow_imports: AllowImports = None,
) -> None:
    """Delete what killed processes left and, if experiments or an age are given, results that are not needed."""
    with told_plainly(UNDONE) as console:
        from amulet.experiments.graph.store import Store
        from amulet.experiments.maintenance.deletion import delete, unneeded
        from amulet.report.console import open_console
        from amulet.report.progress import counting

        kept, errors = Store(store), open_console(errors=True)
        needed = _needed(kept, files, allow_imports) if files else None
        seconds = None if older_than is None else older_than * 86_400.0
        with counting(errors, "Results read") as count:
            found = unneeded(kept, needed, seconds, aside=damaged, on_read=count)
        size = found.size
        if not dry_run:
            with counting(errors, "Files deleted") as count:
                size = delete(kept, found, count)
        _show_unneeded(found, size, console, dry_run=dry_run)


@stores.command()
def export(
    archive: Archive, files: Files = None, store: StoreOption = DEFAULT_STORE, allow_imports: AllowImports = None
) -> None:
    """Write all results, or those of some experiments, into one file, which `store import` reads."""
    with told_plainly(NO_ARCHIVE) as console:
        from amulet.experiments.graph.store import Store
        from amulet.experiments.maintenance.archive import export_results
        from amulet.report.console import open_console
        from amulet.report.progress import counting, size_text

        kept, place = Store(store), archive.absolute()
        needed = _needed(kept, files, allow_imports) if files else None
        with counting(open_console(errors=True), "Results exported") as count:
            done = export_results(kept, place, needed, on_done=count)
        of = f" of the {len(needed):,} of these experiments" if needed is not None else ""
        console.print(f"{done.results:,} results{of} are in {archive}, {size_text(done.size)}.", soft_wrap=True)


@stores.command("import")
def import_(archive: Archive, store: StoreOption = DEFAULT_STORE) -> None:
    """Merge a file that `store export` wrote into a store; each result is checked before it counts."""
    with told_plainly(SO_FAR) as console:
        from amulet.experiments.graph.store import Store
        from amulet.experiments.maintenance.archive import import_results
        from amulet.report.console import open_console
        from amulet.report.progress import counting_bytes

        with counting_bytes(open_console(errors=True), "Importing") as count:
            done = import_results(Store(store), archive, on_read=count)
        console.print(f"{done.new:,} results are new, {done.known:,} were there already.", soft_wrap=True)
        if done.different:
            console.print(
                f"{len(done.different):,} of these have another value in {archive}, as other machines may round "
                "differently; the store keeps its own.",
                soft_wrap=True,
            )


def _needed(store: "Store", files: list[Path], allow_imports: list[str] | None) -> frozenset[str]:
    """The digests of all results that experiments need, on each device that the store has results of."""
    from amulet.experiments import load_experiment, plan
    from amulet.experiments.maintenance.needed import devices_in, digests_needed

    devices, allowed = devices_in(store), named_imports(allow_imports)
    written = [file / "experiment.yaml" if file.is_dir() else file for file in files]
    plans = (plan(load_experiment(file, allowed)) for file in written)
    return frozenset().union(*(digests_needed(planned, devices) for planned in plans))


def _show_unneeded(found: "Unneeded", size: int, console: "Console", *, dry_run: bool) -> None:
    from amulet.report.progress import size_text

    told = f"{len(found.files):,} files, {size_text(size)}:" if found.files else "nothing."
    console.print(f"{'Would delete' if dry_run else 'Deleted'} {told}")
    for line in (
        f"  {_files('{}', found.results, 'with a result')}",
        f"  {_files('{}', found.tensors, 'of tensors that no other result needs')}",
        f"  {_files('{}', found.unfinished, 'that a killed process left')}",
        f"  {_files('{}', found.aside, 'that had been set aside as damaged')}",
    ):
        if line.strip():
            console.print(line, soft_wrap=True)
    recent = f" {found.recent:,} of them are kept only because they are not an hour old." if found.recent else ""
    console.print(f"{found.kept:,} results stay.{recent}", soft_wrap=True)


def _show(found: "Verification", console: "Console") -> None:
    from amulet.report.progress import size_text

    for fault in (*found.damaged[:SHOWN], *found.newer[:1]):
        console.print(str(fault), soft_wrap=True)
    more = max(0, len(found.damaged) - SHOWN)
    lines = [
        f"... and {more:,} more." if more else "",
        f"Results by a newer Amulet, which could not be checked: {len(found.newer):,}." if found.newer else "",
        _files("{}, which no result belongs to", found.orphans, "of tensors"),
        _files("{}, left by a killed process or being written now", found.unfinished, "under a temporary name"),
        _files("{}", found.earlier, "in the folder 'damaged'"),
        _files("{}, unknown to Amulet: " + ", ".join(str(file.place) for file in found.unknown[:3]), found.unknown),
        f"{found.results:,} results and {found.tensors:,} files of tensors, {size_text(found.size)}: "
        + (f"{len(found.damaged):,} damaged." if found.damaged else "none is damaged."),
        f"Moved to {found.aside[0].parent}: {len(found.aside):,}. The tasks are computed again when they are needed."
        if found.aside
        else "",
    ]
    for line in lines:
        if line:
            console.print(line, soft_wrap=True)
    if found.damaged and not found.aside:
        console.print("With --set-aside they are moved to the folder 'damaged', and computed again when needed.")


def _files(sentence: str, files: "Collection[StoreFile]", what: str = "") -> str:
    """A sentence with the number and size of files; empty without any."""
    from amulet.experiments.maintenance.files import sizes_of
    from amulet.report.progress import size_text

    named = f"{len(files):,} {'file' if len(files) == 1 else 'files'} {what}".rstrip()
    return f"{sentence.format(f'{named} ({size_text(sizes_of(files))})')}." if files else ""
