"""What a folder looks like from outside: whether any file in it has changed, judged without reading one."""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path


def listing_of(folder: Path) -> str:
    """A SHA-256 over everything in a folder, at any depth, which any change, new file or lost file makes another one.

    Of each entry it covers the path, size and number of its file, when its content was written and when anything
    about it was changed last, which cannot be set by hand; of a link, both its own and those of what it leads to.

    Raises:
        OSError: the folder, or one in it, cannot be read, or changes meanwhile.
    """
    total = hashlib.sha256()
    for line in _lines(str(folder), "", frozenset()):
        total.update(line.encode(errors="surrogateescape"))
    return total.hexdigest()


def _lines(folder: str, path: str, above: frozenset[tuple[int, int]]) -> Iterator[str]:
    here = Path(folder).stat()
    within = above | {(here.st_dev, here.st_ino)}
    if within == above:
        return  # a link to a folder that it lies in
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        name = f"{path}{entry.name}"
        leads_to = _target(entry)
        if entry.is_symlink():
            yield _line(name, entry.stat(follow_symlinks=False))
        if leads_to is None:
            yield f"{name} leads nowhere\0"
        elif stat.S_ISDIR(leads_to.st_mode):
            yield f"{name}/\0"
            yield from _lines(entry.path, f"{name}/", within)
        else:
            yield _line(name, leads_to)


def _line(name: str, status: os.stat_result) -> str:
    return f"{name}\0{status.st_size} {status.st_ino} {status.st_mtime_ns} {status.st_ctime_ns}\0"


def _target(entry: os.DirEntry[str]) -> os.stat_result | None:
    """What an entry is, or a link leads to; None for a link that leads nowhere."""
    try:
        return entry.stat()
    except OSError:
        if entry.is_symlink():
            return None
        raise
