"""The command and its subcommands. Each imports what it needs only when it runs, so that --help answers at once."""

from typing import Annotated

import typer

from amulet.cli.assessments import assess, plan, report, status
from amulet.cli.endings import Commands
from amulet.cli.first_steps import init, list_plugins, show
from amulet.cli.given_models import audit, compare
from amulet.cli.literature import literature
from amulet.cli.options import show_version
from amulet.cli.stores import stores

app = typer.Typer(
    name="amulet",
    cls=Commands,
    help="What a machine-learning defense does to every risk, not only to the one it was made for.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # a mistake is one line, which a pipe does not cut either
)


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=show_version, is_eager=True)
    ] = False,
) -> None:
    """What applies to every subcommand."""


app.command()(init)
app.command()(plan)
app.command()(assess)
app.command()(status)
app.command()(report)
app.command()(audit)
app.command()(compare)
app.command("list")(list_plugins)
app.command()(show)
app.command()(literature)
app.add_typer(stores, name="store")
