"""Official files from their makers' addresses: checked by checksum, whole or not at all, with a progress bar."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from amulet.core.errors import AmuletError
from amulet.datasets.official.places import DATA_VARIABLE, data_root, find
from amulet.datasets.official.progress import Bar


@dataclass(frozen=True)
class Remote:
    """A file at its official address. `checksum` is "sha256:..." or "md5:...", as far as one is published."""

    name: str
    url: str
    checksum: str


def download(remotes: Sequence[Remote], root: str | None, folder: str, owner: str) -> None:
    """Put the files that are not there into the data set's folder under the root.

    Raises:
        AmuletError: a file cannot be had; says from where it comes and where it belongs.
    """
    for remote in remotes:
        if not (place := data_root(root) / folder / remote.name).exists():
            _download(remote, place, owner)


def found_or_downloaded(remote: Remote, patterns: Sequence[str], root: str | None, folder: str, owner: str) -> Path:
    """A data set's one file or folder, in any of the forms that the patterns name; it is downloaded if none is there.

    Raises:
        AmuletError: it cannot be had; says from where it comes and where it belongs.
    """
    if found := find(root, folder, *patterns):
        return found
    download([remote], root, folder, owner)
    found = find(root, folder, *patterns)
    assert found is not None  # noqa: S101 - a pattern names the file that was downloaded
    return found


def unavailable(needed: str, where: str, root: str | None, folder: str, owner: str) -> AmuletError:
    """What to do about files that nobody may hand out: `needed` says which, `where` from whom they come."""
    return AmuletError(
        f"{owner} needs {needed} in {data_root(root) / folder}. They cannot be downloaded without asking: "
        f"get them from {where}, put them there, or set {DATA_VARIABLE} to the folder that holds '{folder}'."
    )


def _download(remote: Remote, place: Path, owner: str) -> None:
    import pooch  # noqa: PLC0415 - only where something is downloaded

    try:
        with Bar(f"{owner}: {remote.name}") as bar:
            pooch.retrieve(
                remote.url,
                known_hash=remote.checksum,
                fname=place.name,
                path=place.parent,
                downloader=pooch.HTTPDownloader(progressbar=bar, chunk_size=2**16, timeout=30),
            )
    except (OSError, ValueError) as error:  # no network or no space; another checksum
        reason = str(error).partition("\n")[0]
        raise AmuletError(
            f"{owner} needs '{remote.name}', which could not be downloaded from {remote.url} ({reason}). Put it "
            f"into {place.parent}, or set {DATA_VARIABLE} to the folder that holds '{place.parent.name}'."
        ) from None
