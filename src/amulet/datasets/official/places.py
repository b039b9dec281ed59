"""Where official files and processed arrays lie on this machine."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import platformdirs
from pydantic import BeforeValidator

from amulet.core.errors import InvalidData, Problem
from amulet.core.storage.cache_folder import in_home

DATA_VARIABLE = "AMULET_DATA"


def _as_text(value: Any) -> Any:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


Root = Annotated[str | None, BeforeValidator(_as_text)]
"""The folder that holds one folder a data set; None for $AMULET_DATA, else the user's data folder.

It says where the files lie and shapes nothing: results hang on the records that are read.
"""


def data_root(given: str | None) -> Path:
    """The folder of a `Root`."""
    root = given or os.environ.get(DATA_VARIABLE)
    return in_home(root) if root else platformdirs.user_data_path("amulet")


def folders(root: str | None, name: str, *, unmistakable: bool = True) -> tuple[Path, ...]:
    """Where a data set's files are looked for: in its folder under the root, then in the root itself.

    Files whose names other data sets have too are looked for in folders of the data set's name only.
    """
    base = data_root(root)
    return (base / name, base) if unmistakable or base.name == name else (base / name,)


def find(root: str | None, folder: str, *patterns: str, unmistakable: bool = True) -> Path | None:
    """The first file or folder that is there, by patterns relative to a data set's folder."""
    bases = folders(root, folder, unmistakable=unmistakable)
    try:
        return next((place for pattern in patterns for base in bases for place in sorted(base.glob(pattern))), None)
    except OSError as error:  # such as a name that is too long
        sentence = f"The 'root' of data sets must be a folder that can be read. Got '{error.strerror}'."
        raise InvalidData([Problem("root", sentence)]) from None


def candidates(root: str | None, folder: str, *names: str, unmistakable: bool = True) -> tuple[Path, ...]:
    """Every place where `find` looks for files of these names, whether one is there or not."""
    return tuple(base / name for base in folders(root, folder, unmistakable=unmistakable) for name in names)


def installed_file(package: str, path: str) -> tuple[Path, ...] | None:
    """A file that an installed package ships, by its path from the package's folder; None if it is not there."""
    found = find_spec(package)
    file = Path(found.origin).parent / path if found and found.origin else None
    return (file,) if file and file.is_file() else None
