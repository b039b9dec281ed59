"""Reports: the interaction matrix, or one pair of models, in a terminal and as one HTML file."""

from amulet.report.files import write
from amulet.report.pair_page import write_pair

__all__ = ["write", "write_pair"]
