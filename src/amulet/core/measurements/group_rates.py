"""Rates of groups, such as their shares of favourable decisions, with the counts that they rest on."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from amulet.core.text import visible
from amulet.statistics.proportion import wilson_interval

LEVEL = 0.95
"""The probability with which the interval of one rate covers its true value."""


@dataclass(frozen=True)
class GroupRate:
    """One rate of one group.

    Attributes:
        rate: what it is, such as "true positive rate".
        group: the name of the group.
        count: the number of the group's records that it counts, such as those with a favourable decision.
        of: the number of the group's records among which it counts, such as those of the positive class.
        enters: whether the group has enough of these records to be compared with other groups.
    """

    rate: str
    group: str
    count: int
    of: int
    enters: bool

    @property
    def value(self) -> float | None:
        """`count` over `of`; None for a group without records to count among."""
        return self.count / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's interval at a level of 95%, for other records of the group; None where there is no value."""
        return wilson_interval(self.count, self.of, LEVEL) if self.of else None


@dataclass(frozen=True)
class RateGap:
    """The groups with the highest and the lowest of one rate, among those that are compared.

    Attributes:
        highest, lowest: the rates of the two groups.
    """

    highest: GroupRate
    lowest: GroupRate

    @property
    def difference(self) -> float:
        """The highest minus the lowest rate."""
        return (self.highest.value or 0.0) - (self.lowest.value or 0.0)

    @property
    def ratio(self) -> float | None:
        """The lowest over the highest rate; None if the highest is zero."""
        return (self.lowest.value or 0.0) / self.highest.value if self.highest.value else None


@dataclass(frozen=True)
class GroupRates:
    """The rates of all groups of a sensitive attribute, or of a combination of several.

    Attributes:
        rates: one for each rate and group.
        fewest: groups with fewer records to count among are not compared with others.

    Example:
        >>> GroupRates((GroupRate("accuracy", "f", 30, 40, True), GroupRate("accuracy", "m", 45, 50, True)), fewest=30)
        accuracy (highest: m, lowest: f, gap 0.150)
          f  0.750 (0.598 to 0.858)  30 of 40
          m  0.900 (0.786 to 0.957)  45 of 50
    """

    rates: tuple[GroupRate, ...]
    fewest: int

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the rates, in order."""
        return tuple(dict.fromkeys(each.rate for each in self.rates))

    def of(self, rate: str) -> tuple[GroupRate, ...]:
        """One rate of all groups."""
        return tuple(each for each in self.rates if each.rate == rate)

    def gap(self, rate: str) -> RateGap | None:
        """The two groups between which the gap in a rate lies; None if fewer than two groups are compared."""
        compared = [each for each in self.of(rate) if each.enters and each.value is not None]
        if len(compared) < 2:
            return None
        ordered = sorted(compared, key=lambda each: each.value or 0.0)
        return RateGap(highest=ordered[-1], lowest=ordered[0])

    @property
    def frame(self) -> pd.DataFrame:
        """One line for each rate and group; a rate without records to count among is NaN."""
        lines = [
            {
                "rate": each.rate,
                "group": each.group,
                "value": each.value,
                "low": each.interval[0] if each.interval else None,
                "high": each.interval[1] if each.interval else None,
                "count": each.count,
                "of": each.of,
                "enters": each.enters,
            }
            for each in self.rates
        ]
        return pd.DataFrame(lines).astype(dict.fromkeys(("value", "low", "high"), float))

    def __repr__(self) -> str:
        """All rates as text, a block for each."""
        return visible("\n".join(line for rate in self.names for line in self._block(rate)))

    def _repr_html_(self) -> str:
        """The frame as a table in HTML, which notebooks show."""
        html: str = self.frame.to_html(escape=True, index=False, na_rep="", float_format="{:.3f}".format)
        return visible(html)

    def _block(self, rate: str) -> Iterator[str]:
        gap, rates = self.gap(rate), self.of(rate)
        where = f" (highest: {gap.highest.group}, lowest: {gap.lowest.group}, gap {gap.difference:.3f})" if gap else ""
        yield f"{rate}{where}"
        width = max(len(each.group) for each in rates)
        for each in rates:
            left_out = "" if each.enters else f"  (fewer than {self.fewest}: not compared)"
            yield f"  {each.group:<{width}}  {_value(each)}  {each.count:,} of {each.of:,}{left_out}"


def _value(rate: GroupRate) -> str:
    if rate.value is None or rate.interval is None:
        return "undefined"
    return f"{rate.value:.3f} ({rate.interval[0]:.3f} to {rate.interval[1]:.3f})"
