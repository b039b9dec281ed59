"""Arguments and options that several subcommands share, and the checks of what is given for them."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amulet.core.condition_form import FORM, NOT_OF_THE_FORM, not_understood, plainly

if TYPE_CHECKING:
    from collections.abc import Callable


def number(least: int, most: int) -> "Callable[[str], int]":
    """A parser of whole numbers in a range, for typer. It refuses anything else in one sentence."""

    def read(given: str) -> int:
        if not re.fullmatch(r"[-+]?[0-9]{1,9}", str(given)) or not least <= int(given) <= most:
            raise typer.BadParameter(f"It must be a whole number from {least:,} to {most:,}. Got {given!r}.")
        return int(given)

    return read


def factor(given: str) -> float:
    """A number above 0, for typer, which is told of anything else in one sentence."""
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", str(given)) or float(given) <= 0:
        raise typer.BadParameter(f"It must be a number above 0. Got {given!r}.")
    return float(given)


def of_the_form(conditions: list[str] | None) -> list[str] | None:
    """Conditions, for typer, which is told of the first one that has not the form of conditions."""
    for text in conditions or ():
        if not FORM.fullmatch(plainly(text)):
            raise typer.BadParameter(not_understood(text, NOT_OF_THE_FORM))
    return conditions


File = Annotated[Path, typer.Argument(help="The experiment, as YAML.", exists=True, dir_okay=False)]
DEFAULT_STORE = Path("runs/store")
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
Details = Annotated[bool, typer.Option("--details", help="Show every attack, audit and check, not only one table.")]
UntilDecided = Annotated[
    bool, typer.Option("--until-decided", help="Begin with 5 seeds; add more only where a verdict is undecided.")
]
MaxSeeds = Annotated[
    int | None,
    typer.Option("--max-seeds", parser=number(2, 1000), metavar="NUMBER", help="Seeds at most; the file's by default."),
]
FailIf = Annotated[
    list[str] | None,
    typer.Option(
        "--fail-if",
        metavar="CONDITION",
        callback=of_the_form,
        help="Exit code 3 if this holds, such as 'membership_inference increases'; may be given several times.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option("--workers", parser=number(1, 1024), metavar="NUMBER", help="Processes; one per core by default."),
]

On = Annotated[
    str,
    typer.Option(
        "--on",
        metavar="WHERE",
        help="Where tasks are computed: local, dask://host:port, or slurm:name=value,... such as slurm:partition=gpu.",
    ),
]
TimeLimit = Annotated[
    int | None,
    typer.Option(
        "--time-limit",
        parser=number(1, 10**7),
        metavar="SECONDS",
        help="Stop a task that takes longer; it counts as failed. No limit by default.",
    ),
]


Speed = Annotated[
    float,
    typer.Option(
        "--speed",
        parser=factor,
        metavar="FACTOR",
        help="How many times as fast as this machine each worker computes a task; 1 by default.",
    ),
]
WithoutData = Annotated[
    bool,
    typer.Option("--without-data", help="Plan with random records, as many and of the shape of the data set's own."),
]


def show_version(asked: bool) -> None:
    """Print the version and end, if it is asked for."""
    if asked:
        from amulet import __version__

        typer.echo(f"amulet {__version__}")
        raise typer.Exit


def named_imports(allow_imports: list[str] | None) -> tuple[str, ...]:
    """The names given with `--allow-imports`, which may be given several times, each time with several names."""
    names = tuple(name.strip() for listed in allow_imports or () for name in listed.split(","))
    for name in names:
        if not all(part.isidentifier() for part in name.replace(":", ".", 1).split(".")):
            told = f"A name must be a module, a package or module:name. Got {name!r}."
            raise typer.BadParameter(told, param_hint="'--allow-imports'")
    return names


def check_place(on: str, workers: int | None) -> None:
    """Refuse a place for tasks that there is not as a mistake in the command line, not in the file."""
    from amulet.core.errors import InvalidParameter
    from amulet.experiments.assess import placed

    try:
        placed(on, workers, "cpu")
    except InvalidParameter as error:
        hint = "'--workers'" if error.problems[0].parameter == "workers" else "'--on'"
        raise typer.BadParameter(str(error), param_hint=hint) from None


def check_store(store: Path) -> None:
    """Refuse a store that is no folder as a mistake in the command line, not in the file."""
    from amulet.core.errors import InvalidParameter
    from amulet.experiments.assess import store_at

    try:
        store_at(store)
    except InvalidParameter as error:
        raise typer.BadParameter(str(error), param_hint="'--store'") from None


def check_device(device: str) -> None:
    """Refuse a device that this machine lacks as a mistake in the command line, not in the file."""
    from amulet.core.errors import InvalidParameter
    from amulet.experiments.planning.plan import check_device

    try:
        check_device(device)
    except InvalidParameter as error:
        raise typer.BadParameter(str(error), param_hint="'--device'") from None
