"""Reports: the interaction matrix, or one pair of models, in a terminal and as one HTML file."""

from amulet.report.pages.pair_page import write_pair
from amulet.report.pages.report_files import write

__all__ = ["write", "write_pair"]
