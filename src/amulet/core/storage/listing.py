"""What a folder looks like from outside: whether any file in it has changed, judged without reading one."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path


def listing_of(folder: Path) -> str:
    """A SHA-256 over everything in a folder, at any depth, which any change, new file or lost file makes another one.

    Of each entry it covers the path, size and number of its file, when its content was written and when anything
    about it was changed last, which cannot be set by hand. Links are not followed.

    Raises:
        OSError: the folder, or one in it, cannot be read.
    """
    total = hashlib.sha256()
    for line in _lines(str(folder), ""):
        total.update(line.encode(errors="surrogateescape"))
    return total.hexdigest()


def _lines(folder: str, path: str) -> Iterator[str]:
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        name = f"{path}{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            yield f"{name}/\0"
            yield from _lines(entry.path, f"{name}/")
        else:
            status = entry.stat(follow_symlinks=False)
            yield f"{name}\0{status.st_size} {status.st_ino} {status.st_mtime_ns} {status.st_ctime_ns}\0"
