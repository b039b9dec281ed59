"""The rates of groups behind gaps: tables with counts and intervals, and sentences on who differs from whom."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final, Protocol

from amulet.core.measurements.group_rates import LEVEL, GroupRate, GroupRates
from amulet.core.metric import ByChance
from amulet.experiments.pairs.results import PairResults
from amulet.experiments.planning.experiment import BASELINE
from amulet.experiments.results.numbers import Column, Rated
from amulet.experiments.results.results import Results
from amulet.report.words.verdicts.explanations import NET_OF_CHANCE
from amulet.report.words.vocabulary.formats import listed, number
from amulet.report.words.vocabulary.spec_text import Specified, probes
from amulet.statistics.proportion import wilson_interval

SELECTION: Final = "favourable decisions"
"""The rate that the p% rule is a ratio of, as the audit names it."""

FOUR_FIFTHS: Final = 0.8
_GAPS: Final = {
    SELECTION: "demographic_parity",
    "true positive rate": "true_positive_parity",
    "false positive rate": "false_positive_parity",
}
"""The metric that is the gap in a rate."""


class RatedResults(Specified, Protocol):
    """Results that carry rates of groups."""

    @property
    def rates(self) -> tuple[Rated, ...]:
        """Of every audit that compares groups, row and seed."""


@dataclass(frozen=True)
class RateCell:
    """One rate of one group in one row, as a mean over seeds.

    Attributes:
        value: the rate, "0.721"; "0.721 *" where the group has too few records for it to be compared; "undefined" where
            it has none.
        interval: Wilson's 95% interval of the mean count, "0.63 to 0.80"; empty where there is no value.
        counts: "49.8/69", numerator and denominator.
    """

    value: str
    interval: str
    counts: str


@dataclass(frozen=True)
class GroupLine:
    """One group in one row.

    Attributes:
        group: the name of the group.
        cells: one for each rate.
    """

    group: str
    cells: tuple[RateCell, ...]


@dataclass(frozen=True)
class RateTable:
    """All rates of an audit: a line for each row and group, and under each row who differs most.

    Attributes:
        caption: what it shows.
        rates: the names of the rates.
        rows: for each row its lines, and the gap in each rate as text.
        notes: sentences on intervals and small groups.
    """

    caption: str
    rates: tuple[str, ...]
    rows: tuple[tuple[str, tuple[GroupLine, ...], tuple[str, ...]], ...]
    notes: tuple[str, ...]


def rate_table(results: RatedResults, column: Column) -> RateTable | None:
    """The rates of the groups that a column compares; None where it compares none, or in results of older versions."""
    found = [rated for rated in results.rates if (rated.risk, rated.probe) == (column.risk, column.probe)]
    if not found:
        return None
    by_row = {row: _of_row(found, row) for row in dict.fromkeys(rated.row for rated in found)}
    first = found[0].rates
    rows = tuple(
        (row, tuple(_lines(rates)), tuple(_gap(results, row, column, rates, name) for name in first.names))
        for row, rates in by_row.items()
    )
    return RateTable(f"Rates by {attribute_of(results, column)}", first.names, rows, tuple(_notes(results, found)))


def undefended_sentences(results: RatedResults, row: str = BASELINE) -> tuple[str, ...]:
    """For each audit who differs most in favourable decisions, by which ratio, and whether chance can give it."""
    columns = {(column.risk, column.probe): column for column in results.columns}
    found = ((column, _of_row(_rated(results, column), row)) for column in columns.values())
    return tuple(_sentence(results, row, column, rates) for column, rates in found if rates)


def already_below(results: RatedResults, row: str = BASELINE) -> str:
    """By which attributes the p% rule of a row is below 0.8, in one sentence; empty where it is by none."""
    columns = {(column.risk, column.probe): column for column in results.columns}
    found = []
    for column in columns.values():
        gaps = [seed.gap(SELECTION) for seed in _of_row(_rated(results, column), row)]
        ratios = [gap.ratio for gap in gaps if gap is not None and gap.ratio is not None]
        if ratios and fmean(ratios) < FOUR_FIFTHS:
            found.append(f"by {attribute_of(results, column)} ({fmean(ratios):.2f})")
    return f"The p% rule is already below 0.8 {' and '.join(found)}." if found else ""


def attribute_of(results: Specified, column: Column) -> str:
    """The sensitive attribute that the probe of a column is about, "race", or several, "sex and race"."""
    return attribute_text(dict(probes(results)[column.probe].settings).get("attribute", ""))


def attribute_text(setting: str) -> str:
    """The attribute of a probe as words: "[sex, race]" is "sex and race"."""
    names = setting.removeprefix("[").removesuffix("]").split(", ") if setting.startswith("[") else [setting]
    return listed(names)


def _rated(results: RatedResults, column: Column) -> list[Rated]:
    return [rated for rated in results.rates if (rated.risk, rated.probe) == (column.risk, column.probe)]


def _of_row(found: Sequence[Rated], row: str) -> list[GroupRates]:
    return [rated.rates for rated in sorted(found, key=lambda rated: rated.seed) if rated.row == row]


def _lines(rates: Sequence[GroupRates]) -> Iterator[GroupLine]:
    first = rates[0]
    for group in dict.fromkeys(each.group for each in first.rates):
        of_group = [[each for each in seed.rates if each.group == group] for seed in rates]
        if not any(each.of for each in of_group[0]):
            continue
        yield GroupLine(group, tuple(_cell(each) for each in zip(*of_group, strict=True)))


def _cell(seeds: Sequence[GroupRate]) -> RateCell:
    """The mean over seeds, which share the test records, so that they count among the same ones."""
    count, of = fmean(each.count for each in seeds), seeds[0].of
    if not of:
        return RateCell("undefined", "", "0/0")
    low, high = wilson_interval(count, of, LEVEL)
    shown = f"{count:,.1f}".removesuffix(".0")
    mark = "" if seeds[0].enters else " *"
    return RateCell(f"{number(count / of)}{mark}", f"{low:.2f} to {high:.2f}", f"{shown}/{of:,}")


def _gap(results: RatedResults, row: str, column: Column, rates: Sequence[GroupRates], name: str) -> str:
    """The largest gap in a rate: "0.192, White over Black; chance gives 0.050", and the p% rule where it is of it."""
    gaps = [gap for seed in rates if (gap := seed.gap(name))]
    if not gaps:
        return "fewer than two groups to compare"
    between = _between([(gap.highest.group, gap.lowest.group) for gap in gaps])
    chance = _chance(results, row, column, _GAPS.get(name, ""))
    parts = [f"{number(fmean(gap.difference for gap in gaps))}, {between}"]
    parts += [f"chance gives {number(chance.added)}"] if chance else []
    ratios = [gap.ratio for gap in gaps if gap.ratio is not None] if name == SELECTION else []
    parts += [f"p% rule {_against_line(fmean(ratios))}"] if ratios else []
    return "; ".join(parts)


def _between(pairs: Sequence[tuple[str, str]]) -> str:
    """Which group lies over which, in most seeds."""
    (pair, count), *_ = Counter(pairs).most_common(1)
    return f"{pair[0]} over {pair[1]}" + (f" in {count} of {len(pairs)} seeds" if count < len(pairs) else "")


def _against_line(ratio: float) -> str:
    return f"{number(ratio)}, {'below' if ratio < FOUR_FIFTHS else 'not below'} {FOUR_FIFTHS:g}"


def _sentence(results: RatedResults, row: str, column: Column, rates: Sequence[GroupRates]) -> str:
    attribute, gaps = attribute_of(results, column), [gap for seed in rates if (gap := seed.gap(SELECTION))]
    small = ", ".join(f"{each.group} ({records(each.of)})" for each in _not_compared(rates[0]))
    left_out = f" Too small to compare: {small}." if small else ""
    if not gaps:
        return f"By {attribute}, fewer than two groups have at least {rates[0].fewest} records.{left_out}"
    (pair, _), *_ = Counter((gap.highest.group, gap.lowest.group) for gap in gaps).most_common(1)
    high, low = (_mean_rate(rates, group) for group in pair)
    ratios = [gap.ratio for gap in gaps if gap.ratio is not None]
    rule = f": a ratio of {number(fmean(ratios))}" if ratios else ""
    rule += ", already below 0.8 (the four-fifths rule)" if ratios and fmean(ratios) < FOUR_FIFTHS else ""
    chance = _chance(results, row, column, _GAPS[SELECTION])
    within = chance is not None and fmean(gap.difference for gap in gaps) <= chance.bound
    doubt = " Chance alone can give such a gap between groups of these sizes." if within else ""
    return (
        f"By {attribute}, the favourable decision goes to {_percent(low)} ({pair[1]}) and to {_percent(high)} "
        f"({pair[0]}){rule}.{doubt}{left_out}"
    )


def _percent(rate: float) -> str:
    return f"{rate:.0%}" if rate >= 0.1 else f"{rate:.1%}"


def _mean_rate(rates: Sequence[GroupRates], group: str) -> float:
    found = (each.value for seed in rates for each in seed.of(SELECTION) if each.group == group)
    return fmean(value for value in found if value is not None)


def _not_compared(rates: GroupRates) -> list[GroupRate]:
    """The groups that have records, but too few to compare their favourable decisions."""
    return [each for each in rates.of(SELECTION) if each.of and not each.enters]


def _notes(results: RatedResults, found: Sequence[Rated]) -> Iterator[str]:
    rates, seeds = found[0].rates, len({rated.seed for rated in found})
    mean = "Rates and counts are means over the seeds, which share the test records. " if seeds > 1 else ""
    yield f"{mean}Intervals are Wilson's, at 95%: other test records of the same group would give such rates."
    if isinstance(results, Results | PairResults):
        yield NET_OF_CHANCE
    if any(each.of and not each.enters for each in rates.rates):
        yield (f"* A rate of fewer than {rates.fewest} records is shown, but does not enter the gap.")
    if empty := [each.group for each in rates.of(rates.names[0]) if not each.of]:
        yield f"Without any test record, and so without rates: {', '.join(empty)}."


def _chance(results: RatedResults, row: str, column: Column, metric: str) -> ByChance | None:
    """What chance alone does to a metric of a probe in a row, as a mean over seeds."""
    about = (column.risk, column.probe, metric)
    found: list[ByChance] = []
    if isinstance(results, PairResults):
        cells = (cell for cell in results.cells if (cell.column.risk, cell.column.probe, cell.column.metric) == about)
        found = [cell.by_chance[row == "after"] for cell in cells if cell.by_chance]
    elif isinstance(results, Results):
        own = next((each for each in results.columns if (each.risk, each.probe, each.metric) == about), None)
        found = [value.by_chance for value in results.of(row, own) if value.by_chance] if own else []
    return ByChance(fmean(c.added for c in found), fmean(c.bound for c in found)) if found else None


def records(count: int) -> str:
    """How many, as "1 record" or "10 records"."""
    return f"{count:,} {'record' if count == 1 else 'records'}"
