"""How a command ends when something goes wrong: one sentence on standard error and an exit code, no traceback."""

import logging
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rich.console import Console

    from amulet.experiments import Results

KEPT = "What was computed is kept; the same command goes on from there."
INCOMPLETE: Final = 4
"""The exit code if tasks failed, so that values are missing."""

_MISTAKE: Final[type[Any]] = typer.BadParameter.__mro__[1]
"""Any mistake in a command line; Typer does not export it by its name."""

NOTHING_WRITTEN = "Nothing was written; the same command begins anew."


class Commands(TyperGroup):
    """Subcommands, where a mistake in the command line is told in visible text of bounded length, as errors are."""

    def make_context(self, *args: Any, **others: Any) -> Any:
        """As ever."""
        with _mistakes_shortened():
            return super().make_context(*args, **others)

    def invoke(self, ctx: Any) -> Any:
        """As ever."""
        with _mistakes_shortened():
            return super().invoke(ctx)


@contextmanager
def _mistakes_shortened() -> "Iterator[None]":
    try:
        yield
    except _MISTAKE as mistake:
        from amulet.core.text import shortened, visible

        mistake.message = shortened(visible(mistake.message))
        raise


@contextmanager
def told_plainly(left: str = KEPT) -> "Iterator[Console]":
    """Give a console for results. An error ends the command with one sentence on standard error and exit code 1.

    Args:
        left: the sentence on what an interruption leaves.
    """
    from amulet.core.errors import AmuletError
    from amulet.core.text import shortened
    from amulet.core.user_code.containment import told
    from amulet.report.console import PipeClosed, Told, open_console

    errors = open_console(errors=True)
    logging.basicConfig(level="WARNING", format="%(message)s", handlers=[Told(errors)])

    def end(sentence: str, code: int) -> typer.Exit:
        errors.print(shortened(sentence), soft_wrap=True)
        return typer.Exit(code)

    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield open_console()
    except _Terminated:
        raise end(f"Terminated. {left}", 128 + signal.SIGTERM) from None
    except KeyboardInterrupt:
        raise end(f"Interrupted. {left}", 128 + signal.SIGINT) from None
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


def end_if_incomplete(results: "Results", page: "Path") -> None:
    """Say that tasks failed, in one sentence on standard error, and end the command, if any did."""
    from amulet.report.console import open_console

    if results.failures:
        tasks = "1 task" if len(results.failures) == 1 else f"{len(results.failures):,} tasks"
        where = page.parent / "failures.txt"
        told = f"; {where} has the tracebacks" if where.exists() else ""
        open_console(errors=True).print(
            f"{tasks} failed, and the values that depend on them are missing{told}. "
            "The same command tries again what failed.",
            soft_wrap=True,
            markup=False,
        )
        raise typer.Exit(INCOMPLETE)


class _Terminated(KeyboardInterrupt):
    """The process got SIGTERM, which ends the work in the same way as Control-C."""


def _terminate(number: int, frame: object) -> None:
    del number, frame
    raise _Terminated
