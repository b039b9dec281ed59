"""How many test records of each group a gap between groups rests on."""

from dataclasses import dataclass
from typing import Final, Protocol

from amulet.core.tally import Tally
from amulet.experiments.results import Column
from amulet.report.described import Specified, probes
from amulet.report.formats import number

RISK: Final = "discriminatory_behavior"
NOT_COUNTED: Final = (
    "How many test records each group has is not in these results, which an older version of Amulet wrote. The same "
    "command again adds it; an assessment finds all else in its store."
)


@dataclass(frozen=True)
class Groups:
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


def groups_of(results: Counted, column: Column) -> Groups | None:
    """The groups that a column compares; None where it compares none, or in results without counts."""
    if column.risk != RISK:
        return None
    attribute = dict(probes(results)[column.probe].settings).get("attribute", "")
    counts = {group: of for group, of in results.tested.groups.get(attribute, {}).items() if sum(of.values())}
    if not counts:
        return None
    rows = tuple((group, *map(_count, of.values()), _count(sum(of.values()))) for group, of in counts.items())
    sizes = {group: sum(of.values()) for group, of in counts.items()}
    return Groups(attribute, ("Group", *results.tested.classes, "all"), rows, _said(sizes, results.tested.total))


def _said(sizes: dict[str, int], total: int) -> str:
    smallest = min(sizes, key=lambda group: sizes[group])
    unknown = total - sum(sizes.values())
    left_out = f" {_count(unknown)} more, whose group is not recorded, are left out." if unknown else ""
    return (
        f"Every model is measured on these same test records. The smallest group is {smallest}: one decision more "
        f"or less moves its share of favourable decisions by {number(1 / sizes[smallest])}.{left_out}"
    )


def _count(count: int) -> str:
    return f"{count:,}"
