"""Subcommands on a store: `store verify`, and what is wrong in a store as sentences."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amulet.cli.endings import told_plainly
from amulet.cli.options import StoreOption

if TYPE_CHECKING:
    from collections.abc import Collection

    from rich.console import Console

    from amulet.experiments.maintenance.files import StoreFile
    from amulet.experiments.maintenance.verification import Verification

DEFAULT_STORE = Path("runs/store")
NOTHING_CHANGED = "The store is as it was."
SHOWN = 20
"""The number of files that are listed one by one; further ones are counted."""

stores = typer.Typer(help="Verify a store of results.", no_args_is_help=True, rich_markup_mode=None)


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
