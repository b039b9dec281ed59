"""Calls of code that is not Amulet's own: whatever it raises becomes an ordinary error with a sentence.

A model, attack or training function of the user's own may call `sys.exit`, raise an exception without a text, or
swallow Control-C. None of that may end the program with exit code 0 or pass for a result.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import walk_tb
from types import FrameType
from typing import Any, Final

from amulet.core.errors import UserCodeFailed
from amulet.core.text import with_article

MOST_CHARACTERS: Final = 500
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def contained(what: str) -> Iterator[None]:
    """Inside, code of the user's own may run; it cannot end the program.

    Args:
        what: the subject of the sentence, such as "'net:Model'" or "its code".

    Raises:
        UserCodeFailed: for SystemExit, `os._exit`, GeneratorExit and a KeyboardInterrupt that no Control-C has caused.
            Other exceptions pass as they are.
        KeyboardInterrupt: for Control-C and other signals with a handler, even where the code inside swallowed it.
    """
    with _interruptions() as received, _exit_refused():
        try:
            yield
        except BaseException as error:
            if received:
                raise received[0] from None
            if isinstance(error, Exception):
                raise
            raise UserCodeFailed(f"{what} raised {told(error)}, which would have ended the program.") from error
        if received:
            raise received[0]


def told(error: BaseException) -> str:
    """An exception in one line, with the place that raised it: "ValueError: too deep (net.py:12)"."""
    text = text_of(error)
    called = [(frame.f_code.co_filename, line) for frame, line in walk_tb(error.__traceback__)]
    frames = [(Path(file).name, line) for file, line in called if file != __file__]
    place = f" ({frames[-1][0]}:{frames[-1][1]})" if frames else ""
    return f"{type(error).__name__}{': ' if text else ''}{text}{place}"


def text_of(value: object) -> str:
    """What `str` gives, in one line without control characters, shortened if need be; it need not give anything."""
    try:
        text = str(value)
    except BaseException as error:  # noqa: BLE001 - code of the user's own, down to its __str__
        return f"{with_article(type(value).__name__)} whose text cannot be had ({type(error).__name__})"
    line = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in " ".join(text.split()))
    return line if len(line) <= MOST_CHARACTERS else f"{line[: MOST_CHARACTERS - 3]}..."


@contextmanager
def _interruptions() -> Iterator[list[BaseException]]:
    """What the handlers of signals raise while the block runs; only the main thread has such handlers."""
    received: list[BaseException] = []
    handlers: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        handlers = {number: held for number in SIGNALS if callable(held := signal.getsignal(number))}

    ours = os.getpid()

    def note(number: int, frame: FrameType | None) -> None:
        if os.getpid() != ours:  # a process that the code inside has forked
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        try:
            handlers[signal.Signals(number)](number, frame)
        except BaseException as raised:
            received.append(raised)
            raise

    for number in handlers:
        signal.signal(number, note)
    try:
        yield received
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


@contextmanager
def _exit_refused() -> Iterator[None]:
    """Inside, `os._exit` raises SystemExit; processes that the code inside forks may end by it."""
    ours, leave = os.getpid(), os._exit

    def refuse(status: int) -> None:
        if os.getpid() != ours:
            leave(status)
        raise SystemExit(status)

    os._exit = refuse  # type: ignore[assignment]
    try:
        yield
    finally:
        os._exit = leave
