"""Reports: the interaction matrix, one pair of models, or one model, in a terminal and as one HTML file."""

from amulet.report.pages.audit_page import write_audit
from amulet.report.pages.pair_page import write_pair
from amulet.report.pages.report_files import write

__all__ = ["write", "write_audit", "write_pair"]
