"""Rows that combine two others, and whether each of the two defenses still does its own job there."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from amulet.experiments.planning.experiment import BASELINE
from amulet.experiments.results.checks.gates import DEFENSE
from amulet.experiments.results.results import Results
from amulet.report.words.verdicts.gates import purpose
from amulet.report.words.verdicts.readings import Reading, cell_reading, worst
from amulet.report.words.vocabulary.names import is_risk, risk_name
from amulet.report.words.vocabulary.spec_text import Named, defenses, tampering
from amulet.statistics import Gate


class Still(StrEnum):
    """Whether a defense does its own job within a combination; the worst news first."""

    FAILS = "fails"
    UNCLEAR = "unclear"
    WORKS = "works"
    UNKNOWN = "not measured"

    @property
    def sign(self) -> str:
        """One character that stands for it."""
        return {Still.FAILS: "✗", Still.UNCLEAR: "?", Still.WORKS: "✓", Still.UNKNOWN: "\N{EN DASH}"}[self]


@dataclass(frozen=True)
class Constituent:
    """One of the two rows that a combination consists of.

    Attributes:
        row: the label of the row that has this defense only.
        alone: whether it does its own job there.
        still: whether it does so in the combination.
        sentence: the same as a sentence.
    """

    row: str
    alone: Still
    still: Still
    sentence: str


@dataclass(frozen=True)
class Combination:
    """A row that applies the defenses of two other rows together."""

    row: str
    first: Constituent
    second: Constituent

    @property
    def words(self) -> str:
        """What becomes of the two, in a word or two."""
        states = [self.first.still, self.second.still]
        if Still.FAILS in states:
            return "both fail" if states[0] is states[1] else "one fails"
        if Still.WORKS in states:
            return "both work" if states[0] is states[1] else "one works"
        return "unclear" if Still.UNCLEAR in states else "not measured"

    @property
    def verdict(self) -> Still:
        """Works if both do, fails if one does, else unclear."""
        states = {self.first.still, self.second.still}
        return Still.FAILS if Still.FAILS in states else Still.WORKS if states == {Still.WORKS} else Still.UNCLEAR


def combinations(results: Results) -> tuple[Combination, ...]:
    """The rows whose defenses are those of two other rows, in the order of the matrix."""
    applied = {row: items for row, items in defenses(results).items() if row in results.rows and items}
    tampered = tampering(results)
    plain = {row: Counter(items) for row, items in applied.items() if row not in tampered}
    rows = defaultdict[frozenset[tuple[Named, int]], list[str]](list)
    for row, items in plain.items():
        rows[frozenset(items.items())].append(row)
    return tuple(
        Combination(row, *(_constituent(results, row, each, pair) for each in pair))
        for row in plain
        if (pair := _pair(row, plain, rows))
    )


def _pair(
    row: str, plain: Mapping[str, Counter[Named]], rows: Mapping[frozenset[tuple[Named, int]], Sequence[str]]
) -> tuple[str, str] | None:
    """The labels of the two rows that a row combines; `rows` has those that apply the same defenses."""
    places = {label: place for place, label in enumerate(plain)}
    for first, items in plain.items():
        if items < plain[row]:
            rest = rows.get(frozenset((plain[row] - items).items()), ())
            after = [second for second in rest if places[second] > places[first]]
            if after:
                return first, after[0]
    return None


def _constituent(results: Results, row: str, mine: str, pair: Sequence[str]) -> Constituent:
    jobs = [*results.own_risks.get(mine, ()), *results.own_claims.get(mine, ())]
    alone, still = (_state(results, each, mine, jobs) for each in (mine, row))
    return Constituent(mine, alone, still, " ".join(_sentences(results, row, mine, pair, alone, still)))


def _state(results: Results, row: str, mine: str, jobs: Sequence[str]) -> Still:
    found = [_job(results, row, mine, job) for job in jobs]
    return min(found, key=list(Still).index, default=Still.UNKNOWN)


def _job(results: Results, row: str, mine: str, job: str) -> Still:
    """Whether a row does one job: by its check, or where it is compared with `mine`, by whether it loses nothing."""
    if results.reference(row) == mine and is_risk(job):
        columns = [column for column in results.columns if column.risk == job and column.primary]
        reads = [read for column in columns if (read := cell_reading(results, results.cell(row, column)))]
        return _BY_READING.get(worst(reads).word, Still.UNCLEAR) if reads else Still.UNKNOWN
    states = [gate.state for gate in results.gates_of_rows(row) if (gate.name, gate.about) == (DEFENSE, job)]
    return _BY_GATE[states[0]] if states else Still.UNKNOWN


_BY_READING = {Reading.WORSE: Still.FAILS, Reading.SAME: Still.WORKS, Reading.BETTER: Still.WORKS}
_BY_GATE = {Gate.PASSED: Still.WORKS, Gate.FAILED: Still.FAILS, Gate.UNPROVEN: Still.UNCLEAR}
_TOGETHER = {
    Still.WORKS: "Together, “{}” is shown to do its job: it {}.",
    Still.FAILS: "Together, “{}” does not do its job, which is that it {}.",
    Still.UNCLEAR: "Together, it is unclear whether “{}” does its job, which is that it {}.",
    Still.UNKNOWN: "Together, it was not measured whether “{}” does its job, which is that it {}.",
}
_ALONE = {
    Still.WORKS: "Alone it does.",
    Still.FAILS: "Alone it does not.",
    Still.UNCLEAR: "Alone that is unclear.",
    Still.UNKNOWN: "Alone it was not measured.",
}


def _sentences(results: Results, row: str, mine: str, pair: Sequence[str], alone: Still, still: Still) -> Iterator[str]:
    jobs = [*results.own_risks.get(mine, ()), *results.own_claims.get(mine, ())]
    if not jobs:
        yield f"“{mine}” has no job of its own that was measured."
        return
    yield _TOGETHER[still].format(mine, " and ".join(map(purpose, jobs)))
    yield _ALONE[alone]
    shared = [
        risk_name(job) for job in results.own_risks.get(mine, ()) if all(_is_own(results, each, job) for each in pair)
    ]
    if shared and results.reference(row) == BASELINE:
        yield f"Both defenses are made for {', '.join(shared)}, so it cannot be told which of them does it."


def _is_own(results: Results, row: str, risk: str) -> bool:
    return risk in results.own_risks.get(row, ())
