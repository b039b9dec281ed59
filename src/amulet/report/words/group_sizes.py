"""How many test records of each group a gap between groups rests on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from amulet.core.measurements.tally import Tally
from amulet.experiments.results.numbers import Column
from amulet.report.words.vocabulary.formats import number
from amulet.report.words.vocabulary.names import metric_of
from amulet.report.words.vocabulary.spec_text import Specified, probes

NOT_COUNTED: Final = (
    "How many test records each group has is not in these results, which were written by an older version of Amulet. "
    "Run the same command again to add it; an assessment computes nothing else again."
)


@dataclass(frozen=True)
class GroupSizes:
    """A table: for each group its records of each class and all of them.

    Attributes:
        sentence: what the smallest group means for the gap.
    """

    attribute: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    sentence: str

    @property
    def caption(self) -> str:
        """Of the table."""
        return f"Test records by {self.attribute} and true class"


class Counted(Specified, Protocol):
    """Results that also carry how many test records there are."""

    @property
    def tested(self) -> Tally:
        """By class and group."""


def group_sizes(results: Counted, column: Column) -> GroupSizes | None:
    """The groups that a column compares; None where it compares none, or in results without counts."""
    if not compares_groups(column):
        return None
    attribute = dict(probes(results)[column.probe].settings).get("attribute", "")
    counts = {group: of for group, of in results.tested.groups.get(attribute, {}).items() if sum(of.values())}
    if not counts:
        return None
    rows = tuple((group, *map(_count, of.values()), _count(sum(of.values()))) for group, of in counts.items())
    sentence = " ".join(filter(None, [_smallest(counts), _left_out(counts, results.tested.total)]))
    return GroupSizes(attribute, ("Group", *results.tested.classes, "all"), rows, sentence)


def compares_groups(column: Column) -> bool:
    """Whether the metric is a gap between sensitive groups, which rests on the size of each."""
    metric = metric_of(column)
    return metric is not None and metric.outcome_type().compares_groups


def _smallest(counts: Mapping[str, Mapping[str, int]]) -> str:
    """What one decision does to the rates of the smallest group, and of the fewest records of one class in a group."""
    size, group = min((sum(of.values()), group) for group, of in counts.items())
    fewest, label, where = min(
        (count, label, group) for group, of in counts.items() for label, count in of.items() if count
    )
    return (
        f"Every model is measured on these same test records. The smallest group is {group}: one decision more or less "
        f"moves its share of favourable decisions by {number(1 / size)}. Rates among one class rest on fewer: on "
        f"{_count(fewest)} for {label} in {where}, where one decision moves them by {number(1 / fewest)}."
    )


def _left_out(counts: Mapping[str, Mapping[str, int]], total: int) -> str:
    unknown = total - sum(sum(of.values()) for of in counts.values())
    return f"{_count(unknown)} more, whose group is not recorded, are left out." if unknown else ""


def _count(count: int) -> str:
    return f"{count:,}"
