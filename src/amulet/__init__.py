"""Amulet: what a machine-learning defense does to every risk, not only to the one it was made for."""

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from amulet.datasets.load import load_data as load_data
    from amulet.experiments.model_audit.auditing import audit as audit
    from amulet.report.pages.publishing import write_audit as write_audit
else:
    _LAZY = {
        "audit": "amulet.experiments.model_audit.auditing",
        "load_data": "amulet.datasets.load",
        "write_audit": "amulet.report.pages.publishing",
    }

    def __getattr__(name: str) -> object:
        """`amulet.audit` and its like, imported when they are asked for, so that `import amulet` waits for nothing."""
        if name in _LAZY:
            from importlib import import_module  # noqa: PLC0415

            return getattr(import_module(_LAZY[name]), name)
        raise AttributeError(f"module 'amulet' has no attribute '{name}'")
