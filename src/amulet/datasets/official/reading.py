"""Single files: regular ones only, no larger than they can be, and no web pages in their place."""

import hashlib
from pathlib import Path

from amulet.core.errors import InvalidData, Problem


def refused(file: str, owner: str, allowed: str, given: object) -> InvalidData:
    """The house's sentence about a file of a data set."""
    return InvalidData([Problem(file, f"The file {file!r} of {owner} must {allowed}. Got {given}.")])


def checksum(place: Path) -> str:
    """SHA-256 of a file, read in blocks.

    Raises:
        InvalidData: it is no regular file.
    """
    check_regular(place, place.name, "the data set")
    with place.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_regular(place: Path, file: str, owner: str) -> None:
    """Raise InvalidData for what is there and no file: a pipe or a device may never end, a socket cannot be read."""
    if not place.is_file():
        raise refused(file, owner, "be a regular file", "a folder" if place.is_dir() else "a pipe, device or socket")


def read_within(place: Path, most: int, owner: str, path: str | None = None) -> bytes:
    """The content of a file that its layout keeps below so many bytes.

    Raises:
        InvalidData: it is no regular file, larger, or cannot be read.
    """
    file = path or place.name
    check_regular(place, file, owner)
    if (size := place.stat().st_size) > most:
        raise too_large(file, owner, most, size)
    try:
        return place.read_bytes()
    except OSError as error:
        raise refused(file, owner, "be readable", f"'{error.strerror}'") from None


def is_web_page(content: bytes) -> bool:
    """Whether the content begins as the page that a server sends in place of a file."""
    start = content[:512].lstrip().lower()
    return start.startswith((b"<!doctype html", b"<html", b"<?xml", b"<head"))


def refuse_web_page(content: bytes, file: str, owner: str) -> None:
    """Raise InvalidData for a server's page saved under the name of a data file."""
    if is_web_page(content):
        raise refused(file, owner, "hold data", "a web page, as servers send it in place of a file")


def too_large(path: str, owner: str, most: int, size: int) -> InvalidData:
    """The house's sentence about a file that holds more than its layout allows."""
    return refused(path, owner, f"hold at most {most} bytes", f"{size}")
