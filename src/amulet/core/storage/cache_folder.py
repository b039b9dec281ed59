"""The folder of this machine for what can be made again at any time."""

import os
from pathlib import Path
from typing import Final

import platformdirs

from amulet.core.errors import AmuletError

CACHE_VARIABLE: Final = "AMULET_CACHE"


def cache_root() -> Path:
    """$AMULET_CACHE, else the user's cache folder; never the data root, which may be read-only.

    Raises:
        AmuletError: it names the home folder of a user that there is not.
    """
    root = os.environ.get(CACHE_VARIABLE)
    return in_home(root) if root else platformdirs.user_cache_path("amulet")


def in_home(path: str) -> Path:
    """A path whose ~ or ~user is replaced by the home folder.

    Raises:
        AmuletError: there is no such user.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise AmuletError(f"'{path}' names a home folder that is not known. Give the path without '~'.") from None
