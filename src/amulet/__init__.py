"""Amulet: what a machine-learning defense does to every risk, not only to the one it was made for."""

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from amulet.datasets.load import load_data as load_data
else:

    def __getattr__(name: str) -> object:
        """`amulet.load_data`, imported when it is asked for, so that `import amulet` waits for nothing."""
        if name == "load_data":
            from amulet.datasets.load import load_data  # noqa: PLC0415

            return load_data
        raise AttributeError(f"module 'amulet' has no attribute '{name}'")
