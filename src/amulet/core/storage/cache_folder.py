"""The folder of this machine for what can be made again at any time."""

import os
from pathlib import Path
from typing import Final

import platformdirs

CACHE_VARIABLE: Final = "AMULET_CACHE"


def cache_root() -> Path:
    """$AMULET_CACHE, else the user's cache folder; never the data root, which may be read-only."""
    root = os.environ.get(CACHE_VARIABLE)
    return Path(root).expanduser() if root else platformdirs.user_cache_path("amulet")
