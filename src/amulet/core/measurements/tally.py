"""The numbers of records by class and by sensitive group."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from torch import Tensor

from amulet.core.data import Data
from amulet.core.metric import NoSkill


@dataclass(frozen=True)
class Tally:
    """Counts of records; empty if they were not counted.

    Attributes:
        classes: the number of records of each class.
        groups: the number of records by sensitive attribute, group and class; records whose group is not recorded are
            not counted.
    """

    classes: Mapping[str, int] = field(default_factory=dict)
    groups: Mapping[str, Mapping[str, Mapping[str, int]]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """The number of all records."""
        return sum(self.classes.values())

    @classmethod
    def of(cls, data: Data) -> Self:
        """The counts of some records; classes and groups without any record count 0."""
        names, y = data.schema.classes, data.y.cpu()
        by_group = {
            attribute.name: {
                group: _counts(names, y[data.attribute(attribute.name).cpu() == code].bincount(minlength=len(names)))
                for code, group in enumerate(attribute.values)
            }
            for attribute in data.schema.attributes
        }
        return cls(_counts(names, y.bincount(minlength=len(names))), by_group)


def without_skill(classes: Mapping[str, int], no_skill: NoSkill) -> float | None:
    """The share of correct predictions of a model that always names one class; None without counts.

    Args:
        classes: the number of records of each class.
        no_skill: "largest class" for the share of all records, "one over classes" for the mean over the classes.

    Example:
        >>> without_skill({"no": 3, "yes": 1}, "largest class"), without_skill({"no": 3, "yes": 1}, "one over classes")
        (0.75, 0.5)
    """
    counts = [count for count in classes.values() if count]
    if not counts:
        return None
    return 1 / len(counts) if no_skill == "one over classes" else max(counts) / sum(counts)


def _counts(names: tuple[str, ...], counted: Tensor) -> dict[str, int]:
    return dict(zip(names, counted.tolist(), strict=True))
