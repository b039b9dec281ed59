"""From numbers per seed to statements about them."""

from amulet.statistics.summary import Summary, paired_difference, summarize

__all__ = ["Summary", "paired_difference", "summarize"]
