"""The terminal as Amulet writes to it: text from outside is only text, and no line is cut in a pipe."""

import io
import logging
import os
import sys
from collections.abc import Callable, Iterator
from typing import Final

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook
from rich.segment import Segment

from amulet.core.text import visible

UNLIMITED: Final = 100_000
"""Columns of what is no terminal, so that programs find every table row on one line."""


def open_console(*, errors: bool = False) -> Console:
    """A console on standard output, or standard error, through which everything is shown that commands say.

    What its encoding lacks is shown as an escape too.
    """
    stream = sys.stderr if errors else sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    console = _Console(stderr=errors, markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console = _Console(stderr=errors, markup=False, emoji=False, highlight=False, width=UNLIMITED)
    console.push_render_hook(_Visible())
    return console


def rendered(console: Console, show: Callable[[], None]) -> str:
    """What is printed to a console, as it would be written to its stream, which nothing is written to."""
    with console.capture() as captured:
        show()
    return captured.get()


def show_rendered(console: Console, text: str) -> None:
    """Write what `rendered` gave for a console of the same kind."""
    try:
        console.file.write(text)
        console.file.flush()
    except BrokenPipeError:
        console.on_broken_pipe()


class PipeClosed(Exception):  # noqa: N818 - the name states what happened
    """Whoever read the output has stopped to, as `head` does after ten lines."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Say so, where Rich would end the program."""
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.file.fileno())  # what is still buffered goes there when Python ends
        os.close(nowhere)
        raise PipeClosed


class Told(logging.Handler):
    """Log messages as lines of a console."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Show the level and the message."""
        self.console.print(f"{record.levelname.capitalize()}: {self.format(record)}", soft_wrap=True)


class _Visible(RenderHook):
    """Shows control characters as escapes in whatever is printed, but for those that Rich itself sends."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """What is to be printed, wrapped."""
        return [_Escaped(each) for each in renderables]


class _Escaped:
    def __init__(self, inner: ConsoleRenderable) -> None:
        self.inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for segment in console.render(self.inner, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)
