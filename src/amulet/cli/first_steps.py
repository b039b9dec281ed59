"""Subcommands for finding out: `init` a first experiment, `list` the plug-ins, `show` one of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amulet.cli.endings import told_plainly
from amulet.cli.printing import table_of

if TYPE_CHECKING:
    from rich.console import Console

    from amulet.experiments.registry.plugins import Plugin


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


def list_plugins(
    kind: Annotated[str | None, typer.Argument(help="attack, audit, defense, metric, dataset, model, ...")] = None,
) -> None:
    """List every plug-in with one line and its paper."""
    with told_plainly() as console:
        from amulet.core.errors import AmuletError
        from amulet.experiments.registry.plugins import Kind, plugins

        if kind is not None and kind not in set(Kind):
            raise AmuletError(f"The kind must be one of {', '.join(Kind)}. Got '{kind}'.")
        found = sorted((plugin for plugin in plugins() if kind in (None, plugin.kind)), key=_place)
        if console.is_terminal:
            print_by_risk(found, console)
            return
        table = table_of("kind", "name", "risk", "what it is")
        for plugin in found:
            table.add_row(plugin.kind, plugin.name, plugin.risk, plugin.summary)
        console.print(table)


def _place(plugin: "Plugin") -> tuple[object, ...]:
    """Sorts plug-ins by kind, then by risk in the order of reports, then by name."""
    from amulet.experiments.registry.plugins import Kind
    from amulet.report.words.vocabulary.names import risk_rank

    return list(Kind).index(plugin.kind), risk_rank(plugin.risk), plugin.risk, plugin.name.casefold()


def print_by_risk(found: "list[Plugin]", console: "Console") -> None:
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
        table = table_of("setting", "default", *(["meaning"] if explained else []))
        for entry in entries:
            table.add_row(entry.name, entry.default, *([entry.meaning] if explained else []))
        console.print(table if table.row_count else "It has no settings.")
        if found := description.outcome(plugin):
            fields = table_of(f"field of {found[0]}", "meaning")
            for entry in found[1]:
                fields.add_row(entry.name, entry.meaning)
            console.print(fields)
        if lines := description.example(plugin):
            console.print("\n".join(["Example:", *(f"  {line}".rstrip() for line in lines)]))
