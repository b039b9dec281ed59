"""Amulet: what a machine-learning defense does to every risk, not only to the one it was made for."""

from typing import TYPE_CHECKING

from amulet.core.lazy import lazily

__version__ = "0.1.0"

if TYPE_CHECKING:
    from amulet.datasets.load import load_data as load_data
    from amulet.experiments.model_audit.auditing import audit as audit
    from amulet.report.pages.publishing import write_audit as write_audit
else:
    __getattr__ = lazily(
        __name__,
        {
            "audit": "amulet.experiments.model_audit.auditing",
            "load_data": "amulet.datasets.load",
            "write_audit": "amulet.report.pages.publishing",
        },
    )
