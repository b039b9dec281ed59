"""A progress bar on the terminal, if there is one."""

from types import TracebackType
from typing import Self


class Bar:
    """Counts bytes or records up to a total. It has what `pooch` asks of a bar: total, update, reset, close."""

    def __init__(self, description: str, total: int = 0) -> None:
        from rich.console import Console  # noqa: PLC0415 - only where there is something to wait for
        from rich.progress import Progress  # noqa: PLC0415

        console = Console(stderr=True)
        self._progress = Progress(console=console, disable=not console.is_terminal, transient=True)
        self._task = self._progress.add_task(description, total=total or None)
        self.total = total

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def update(self, steps: int) -> None:
        """So many more are done."""
        self._progress.update(self._task, advance=steps, total=self.total or None)

    def reset(self) -> None:
        """None is done."""
        self._progress.reset(self._task)

    def close(self) -> None:
        """Nothing more will come."""
        self._progress.stop()
