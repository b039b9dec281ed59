"""Folders of files that belong together, exchanged as a whole."""

import ctypes
import os
import shutil
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

from amulet.core.errors import Unwritable
from amulet.core.storage.files import PARTIAL, partial, writing

AT_FDCWD: Final = -100
RENAME_EXCHANGE: Final = 2
HOUR: Final = 3600.0
"""Age in seconds from which a temporary folder is taken for the leftover of a process that was killed."""


def require_writable(folder: Path, names: Collection[str] = ()) -> None:
    """Write an empty file into the folder, which is created if need be, and remove again what was created.

    Args:
        folder: where files will be written.
        names: of these files.

    Raises:
        Unwritable: the folder cannot be created or written, a file is in its place, or a folder in that of a file.
    """
    for name in names:
        if (folder / name).is_dir():
            raise Unwritable(folder / name, "it is a folder")
    with writing(folder):
        existed = folder.exists()
    with partial(folder):
        pass
    if not existed:
        with suppress(OSError):
            folder.rmdir()


def publish(files: Mapping[str, str], folder: Path) -> None:
    """Write files that belong together, so that a reader does not find some of them beside older ones.

    They are written whole into a temporary folder beside `folder`, which then takes its place in one step. Where
    that cannot be, since `folder` also holds something else, is the working directory or lies where nothing can be
    renamed, the temporary folder is made within it, and the files are moved one by one after all of them are written.

    Args:
        files: the text of each file by its name.
        folder: where they belong; made if need be, and followed if it is a link.

    Raises:
        Unwritable: the disk is full, or the folder cannot be written; what was there before is left as it was.
    """
    folder = Path(os.path.realpath(folder))
    with writing(folder):
        as_whole = not folder.exists() or _is_exchangeable(folder, files)
        with _unfinished(folder.parent if as_whole else folder, folder.name) as new:
            for name, text in files.items():
                with writing(folder / name):
                    (new / name).write_text(text, encoding="utf-8")
            if not folder.exists():
                new.rename(folder)
            elif not (as_whole and _exchanged(new, folder)):
                for name in files:
                    (new / name).replace(folder / name)


@contextmanager
def _unfinished(place: Path, name: str) -> Iterator[Path]:
    """An empty folder of a temporary name, removed with what is left in it; so are old leftovers of its kind."""
    place.mkdir(parents=True, exist_ok=True)
    prefix = f"{PARTIAL}{name}-"
    for left in place.iterdir():
        with suppress(OSError):
            if left.name.startswith(prefix) and time.time() - left.stat().st_mtime > HOUR:
                shutil.rmtree(left)
    new = Path(mkdtemp(dir=place, prefix=prefix))
    new.chmod(0o755)
    try:
        yield new
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _is_exchangeable(folder: Path, names: Collection[str]) -> bool:
    """Whether nothing is lost or disturbed when another folder takes the place of this one."""
    strangers = [item for item in folder.iterdir() if item.name not in names or item.is_symlink() or item.is_dir()]
    fixed = os.path.ismount(folder) or folder == Path.cwd() or not os.access(folder.parent, os.W_OK)
    return not strangers and not fixed


def _exchanged(first: Path, second: Path) -> bool:
    """Let two folders take each other's name in one step; False where the system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    names = os.fsencode(first), os.fsencode(second)
    return rename is not None and rename(AT_FDCWD, names[0], AT_FDCWD, names[1], RENAME_EXCHANGE) == 0
