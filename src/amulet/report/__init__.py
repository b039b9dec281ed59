"""Reports: the interaction matrix, one pair of models, or one model, in a terminal and as one HTML file."""

from amulet.report.pages.publishing import write, write_audit, write_pair

__all__ = ["write", "write_audit", "write_pair"]
