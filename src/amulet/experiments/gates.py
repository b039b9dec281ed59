"""What verdicts rest on: did the model train, does the defense do its own job, does the attack work."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from amulet.experiments.experiment import BASELINE
from amulet.experiments.strength import Finding, findings
from amulet.statistics import Gate, Word, exceeds

if TYPE_CHECKING:
    from amulet.experiments.results import Column, Results

TRAINED, EFFECTIVE, FINDS, STRONG = "trained", "effective", "attack", "strong"


@dataclass(frozen=True)
class Checked:
    """One gate of one row, and what follows where it is not open.

    Attributes:
        name: "trained", "effective", "attack" or "strong".
        row: the defended row or the baseline.
        about: the attack for the gates "attack" and "strong", the risk for "effective", else None.
        state: shown, shown not or unproven.
        follows: what that means for the row's verdicts, empty if shown.
    """

    name: str
    row: str
    about: str | None
    state: Gate
    follows: str


def gates(results: "Results") -> tuple[Checked, ...]:
    """Every gate that can be checked from the metrics that were measured."""
    return (*_trained(results), *_effective(results), *_finding(results), *_strong(results))


def _trained(results: "Results") -> Iterator[Checked]:
    """Better than a model that always names one class, on balanced accuracy."""
    for column in results.columns:
        if (column.risk, column.metric) == ("utility", "balanced_accuracy"):
            for row in results.rows:
                above = [value - 1 / results.classes for value in _numbers(results, row, column)]
                yield _checked(TRAINED, row, None, exceeds(above, column.margin, results.level))


def _effective(results: "Results") -> Iterator[Checked]:
    """Lowers the risk it is made for, against the attack that is strongest on the undefended model."""
    for row, risks in results.own_risks.items():
        for risk in risks:
            columns = [column for column in results.columns if column.risk == risk and column.primary]
            if columns:
                yield _checked(EFFECTIVE, row, risk, _effect(results, row, _strongest(results, columns)))


def _strongest(results: "Results", columns: Sequence["Column"]) -> "Column":
    """By the seeds of the first look: all attacks have these, and no later look makes it another attack."""
    first = set(results.seeds[: results.looks[0]] if results.looks else results.seeds)
    reached = {column: _advantages(results, column) for column in columns}
    common = first.intersection(*(found for found in reached.values() if found))
    return max(columns, key=lambda column: sum(reached[column].get(seed, 0.0) for seed in common))


def _finding(results: "Results") -> Iterator[Checked]:
    """The attack beats what it would reach without the model, or without attacking, on the undefended model."""
    for column in results.columns:
        if column.primary and column.chance is not None:
            advantages = list(_advantages(results, column).values())
            yield _checked(FINDS, BASELINE, column.probe, exceeds(advantages, column.margin, results.level))


def _strong(results: "Results") -> Iterator[Checked]:
    """Each evasion attack on each row's models does what an attack that works does."""
    for column in results.columns:
        if column.risk == "evasion" and column.primary:
            for row in results.rows:
                found = findings(results, row, column)
                if found:
                    yield _strength(row, column, found)


def _strength(row: str, column: "Column", found: tuple[Finding, ...]) -> Checked:
    """The worst of the findings, with all that are as bad."""
    states = [state for state, _ in found]
    state = next(each for each in (Gate.SHOWN_NOT, Gate.UNPROVEN, Gate.SHOWN) if each in states)
    faults = " and ".join(dict.fromkeys(fault for each, fault in found if each is state))
    follows = {
        Gate.SHOWN: "",
        Gate.UNPROVEN: f"It is not shown that the attack fails, nor that it works: it may be one that {faults}.",
        Gate.SHOWN_NOT: f"The attack {faults}: a sign that it fails. What it leaves standing does not show robustness.",
    }
    return Checked(STRONG, row, column.probe, state, follows[state])


def _effect(results: "Results", row: str, column: "Column") -> Gate:
    verdict = results.verdicts[row, column]
    lowers = Word.DECREASES if column.riskier == "high" else Word.INCREASES
    if verdict.word is lowers:
        return Gate.SHOWN
    return Gate.UNPROVEN if verdict.word in {Word.INCONCLUSIVE, Word.UNDEFINED} else Gate.SHOWN_NOT


def _advantages(results: "Results", column: "Column") -> dict[int, float]:
    """What the attack reaches on the undefended model beyond chance, by seed."""
    sign = 1 if column.riskier == "high" else -1
    if isinstance(column.chance, str):
        other = next((each for each in results.columns if _stands_for_chance(each, column)), None)
        chances = {item.seed: item.value for item in results.of(BASELINE, other)} if other else {}
    else:
        chances = dict.fromkeys(results.seeds, column.chance)
    pairs = [(item.seed, item.value, chances.get(item.seed)) for item in results.of(BASELINE, column)]
    return {seed: sign * (value - by) for seed, value, by in pairs if value is not None and by is not None}


def _stands_for_chance(other: "Column", column: "Column") -> bool:
    return (other.risk, other.probe, other.metric) == (column.risk, column.probe, column.chance)


def _numbers(results: "Results", row: str, column: "Column") -> list[float]:
    return [item.value for item in results.of(row, column) if item.value is not None]


_FOLLOWS = {
    (TRAINED, Gate.SHOWN_NOT): "This model has learned nothing, so what it leaks or withstands says nothing.",
    (
        TRAINED,
        Gate.UNPROVEN,
    ): "It is not shown that this model has learned anything.",
    (
        EFFECTIVE,
        Gate.SHOWN_NOT,
    ): "The defense does not do its job here, so these are no effects of a working one.",
    (EFFECTIVE, Gate.UNPROVEN): "It is not shown that the defense does its own job here.",
    (FINDS, Gate.SHOWN_NOT): "The attack finds nothing on the undefended model, so no defense can lower it.",
    (FINDS, Gate.UNPROVEN): "It is not shown that the attack finds anything on the undefended model.",
}


def _checked(name: str, row: str, about: str | None, state: Gate) -> Checked:
    return Checked(name, row, about, state, _FOLLOWS.get((name, state), ""))
