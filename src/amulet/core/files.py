"""Files that appear whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, TypeAlias

StrPath: TypeAlias = str | PathLike[str]
"""A file or folder, as everything that takes one accepts it."""


@contextmanager
def replacing(place: Path) -> Iterator[IO[bytes]]:
    """A file written under a temporary name that takes its own when it is complete."""
    place.parent.mkdir(parents=True, exist_ok=True)
    file = NamedTemporaryFile(dir=place.parent, prefix=".partial-", delete=False)  # noqa: SIM115 - closed below
    partial = Path(file.name)
    try:
        with file:
            yield file
        partial.chmod(0o644)
        partial.replace(place)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


@contextmanager
def partial(folder: Path) -> Iterator[Path]:
    """An empty file under a temporary name, to be renamed when its content is known; removed if it is not."""
    folder.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=folder, prefix=".partial-", delete=False) as file:
        place = Path(file.name)
    try:
        yield place
    finally:
        place.unlink(missing_ok=True)


def write_text(place: Path, text: str) -> None:
    """Write a whole text file."""
    with replacing(place) as file:
        file.write(text.encode())
