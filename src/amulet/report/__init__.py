"""Reports: the interaction matrix in a terminal and as one HTML file."""

from amulet.report.files import write

__all__ = ["write"]
