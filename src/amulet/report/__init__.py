"""Reports: the interaction matrix, one pair of models, or one model, in a terminal and as one HTML file."""

from typing import TYPE_CHECKING

from amulet.core.lazy import lazily

__all__ = ["write", "write_audit", "write_pair"]

if TYPE_CHECKING:
    from amulet.report.pages.publishing import write, write_audit, write_pair
else:
    __getattr__ = lazily(__name__, dict.fromkeys(__all__, "amulet.report.pages.publishing"))
