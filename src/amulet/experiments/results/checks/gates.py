"""Gates, called validity checks in reports: whether models have learned, and defenses and attacks work."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from amulet.core.threat import Access
from amulet.experiments.planning.experiment import BASELINE
from amulet.experiments.results.checks.attack_checks import Finding, findings, shown_by
from amulet.experiments.results.numbers import Column, Numbers
from amulet.statistics import Gate, Verdict, Word, exceeds, withstands, worst_gate

T = TypeVar("T", float, NDArray[np.float64])

CLAIMS = "claims"
"""In `_FOLLOWS`: of the gate "defense", where the defense serves to claim ownership."""

ANOTHER = "another"
"""In `_FOLLOWS`: of the gate "defense", where the row's defenses reduce another of the risks they are made for."""

GUESSES = 0.5
"""The balanced accuracy of claims that are made at random, of any share of the suspects: of all, or of none, too."""

MISLED = 0.05
"""The probability with which chance misleads an audit of a proven guarantee: one minus its confidence, at most."""

Verdicts = Mapping[tuple[str, Column], Verdict]
"""Verdicts by row and column."""

MODEL, DEFENSE, ATTACK, STRENGTH, PROOF = "model", "defense", "attack", "strength", "proof"
"""The names of the gates, as reports and files state them."""
GUESS = "guess"
"""A key of `_FOLLOWS`: the gate "attack" has not passed because the attack is no better than a guess without model."""

CONTROL = "control"
"""A key of `_FOLLOWS`: the gate "attack" has not passed because the attack is no better than on a control model."""


@dataclass(frozen=True)
class Checked:
    """One gate of one row, and what follows for its verdicts if it has not passed.

    Attributes:
        name: "model", "defense", "attack", "strength" or "proof".
        row: the label of the row; of a pair "before" or "after".
        about: the attack or audit for the gates "attack", "strength" and "proof", the risk for "defense", else None.
        state: whether it has passed or failed, or is unproven.
        follows: a sentence that says what this means for the row's verdicts; empty if the gate has passed.
    """

    name: str
    row: str
    about: str | None
    state: Gate
    follows: str

    def concerns(self, row: str, probe: str) -> bool:
        """Whether the verdict of a row on a metric of an attack or audit rests on this gate."""
        of_row, of_probe = self.row == row, self.about == probe
        return {ATTACK: of_probe, STRENGTH: of_row and of_probe}.get(self.name, of_row)


def gates(numbers: Numbers, verdicts: Verdicts) -> tuple[Checked, ...]:
    """All gates that can be checked with the metrics that were measured.

    Args:
        numbers: the numbers of the assessment.
        verdicts: the verdict of each defended cell, by row and column.
    """
    about_rows = (*_trained(numbers), *_effective(numbers, verdicts), *_proven(numbers))
    return (*about_rows, *_finding(numbers), *_strong(numbers))


def above_one_class(balanced: T, classes: int) -> T:
    """By how much a balanced accuracy, or an array of such, is above that of always naming one class."""
    return balanced - 1 / classes


def model_check(row: str, state: Gate) -> Checked:
    """The gate "model" of a row, or of one model of a pair, in a given state."""
    return _checked(MODEL, row, None, state)


def gains(numbers: Numbers, row: str, column: Column) -> tuple[tuple[float | None, ...], ...]:
    """By how much an attack beats its adversary without the model: on the row that a row is compared with, and on it.

    Args:
        numbers: the numbers of the assessment.
        row: a defended row.
        column: a metric of the attack. If it has no chance level, the attack's primary metric takes its place.

    Returns:
        The advantages of both rows, in the order of the row's seeds and None where there is no value; empty for audits,
        for metrics that are no measure of risk, and where no metric has a chance level or it is undefined for both.
    """
    judged = _with_chance(numbers, column)
    if judged is None:
        return ()
    seeds = [item.seed for item in numbers.of(row, column)]
    found = []
    for label in (numbers.reference(row), row):
        over = [beyond for name, beyond in _advantages(numbers, judged, label) if name != CONTROL]
        found.append(tuple(min((each[seed] for each in over if seed in each), default=None) for seed in seeds))
    return tuple(found) if any(each is not None for advantages in found for each in advantages) else ()


def _with_chance(numbers: Numbers, column: Column) -> Column | None:
    """The column itself, or the primary one of the same attack, whichever has a chance level."""
    if column.access is None or column.riskier is None:
        return None
    if column.chance is not None:
        return column
    about = (column.risk, column.probe)
    alike = (each for each in numbers.columns if (each.risk, each.probe) == about and each.group is None)
    return next((each for each in alike if each.primary and each.chance is not None), None)


def _trained(numbers: Numbers) -> Iterator[Checked]:
    """Gate "model": it has a higher balanced accuracy than one that always predicts the same class."""
    for column in numbers.columns:
        if column.shows == "trained":
            for row in numbers.rows:
                above = [above_one_class(value, numbers.classes) for value in _numbers(numbers, row, column)]
                yield model_check(row, exceeds(above, column.margin, numbers.level))


def _effective(numbers: Numbers, verdicts: Verdicts) -> Iterator[Checked]:
    """Gate "defense": a defense reduces its own risks, each by the attack that is strongest on the undefended model."""
    for row, risks in numbers.own_risks.items():
        states = {}
        for risk in risks:
            judged = (column for column in numbers.columns if not numbers.unjudged(row, column))
            columns = [column for column in judged if column.risk == risk and column.primary]
            if columns:
                column = _strongest(numbers, columns)
                states[risk] = _effect(verdicts[row, column], column)
        key = ANOTHER if Gate.PASSED in states.values() else DEFENSE
        for risk, state in states.items():
            yield Checked(DEFENSE, row, risk, state, _FOLLOWS.get((key, state), ""))
    yield from _claiming(numbers)


def _claiming(numbers: Numbers) -> Iterator[Checked]:
    """Whether the claims of ownership that a row's defenses are made for are right more often than guesses."""
    for row, audits in numbers.own_claims.items():
        for column in numbers.columns:
            if column.shows == "claims" and column.probe in audits:
                above = [value - GUESSES for value in _numbers(numbers, row, column)]
                state = exceeds(above, column.margin, numbers.level)
                yield Checked(DEFENSE, row, column.probe, state, _FOLLOWS.get((CLAIMS, state), ""))


def _strongest(numbers: Numbers, columns: Sequence[Column]) -> Column:
    """The column of the attack that reaches most on the undefended model.

    Only the seeds of the first look count. All attacks have these, so a later look does not change the choice.
    """
    first = set(numbers.seeds[: numbers.looks[0]] if numbers.looks else numbers.seeds)
    reached = {column: _reached(numbers, column) for column in columns}
    common = first.intersection(*(found for found in reached.values() if found))
    return max(columns, key=lambda column: sum(reached[column].get(seed, 0.0) for seed in common))


def _proven(numbers: Numbers) -> Iterator[Checked]:
    """Gate "proof": no audit finds more than the proven guarantee of a row allows, or no more often than by chance."""
    for column in numbers.columns:
        if column.shows == "proof":
            for row in numbers.rows:
                beyond = _numbers(numbers, row, column)
                if beyond:
                    above = sum(value > 0 for value in beyond)
                    state = withstands(above, len(beyond), MISLED, numbers.level)
                    yield _checked(PROOF, row, column.probe, state)


def _finding(numbers: Numbers) -> Iterator[Checked]:
    """Gate "attack": on the undefended model, the attack reaches more than chance and more than on control models.

    It does so by its primary metric, and by one that shows "findings" where it has a value. An attack that reads only
    what a defense releases is not asked for it, since the undefended model shows it nothing.
    """
    for column in numbers.columns:
        reads_model = column.access is None or not Access(column.access).of_releases_alone
        if column.primary and column.chance is not None and reads_model:
            also = shown_by(numbers, column, "findings")
            tests = [
                (_beats(beyond, name, each, numbers), name)
                for each in (column, also)
                if each is column or (each is not None and _by_seed(numbers, each))
                for name, beyond in _advantages(numbers, each)
            ]
            state = worst_gate([state for state, _ in tests]) if tests else Gate.UNPROVEN
            name = next((name for each, name in tests if each is state), ATTACK)
            yield Checked(ATTACK, BASELINE, column.probe, state, _FOLLOWS.get((name, state), ""))


def _strong(numbers: Numbers) -> Iterator[Checked]:
    """Gate "strength": an attack that can be compared with random noise shows no sign of failing on a row's models."""
    for column in numbers.columns:
        if column.primary and shown_by(numbers, column, "noise"):
            for row in numbers.rows:
                found = findings(numbers, row, column)
                if found:
                    yield _strength(row, column, found)


def _strength(row: str, column: Column, found: tuple[Finding, ...]) -> Checked:
    """The gate "strength" of one attack on one row: the worst of the findings decides its state."""
    state = worst_gate([state for state, _ in found])
    faults = " and ".join(dict.fromkeys(fault for each, fault in found if each is state))
    follows = {
        Gate.PASSED: "",
        Gate.UNPROVEN: f"It is not shown that the attack fails, nor that it works: it may be one that {faults}.",
        Gate.FAILED: f"The attack {faults}: a sign that it fails. What it leaves standing does not show robustness.",
    }
    return Checked(STRENGTH, row, column.probe, state, follows[state])


def _effect(verdict: Verdict, column: Column) -> Gate:
    lowers = Word.DECREASES if column.riskier == "high" else Word.INCREASES
    if verdict.word is lowers:
        return Gate.PASSED
    open_words = {Word.INCONCLUSIVE, Word.UNDEFINED, Word.NO_LEAK}
    return Gate.UNPROVEN if verdict.word in open_words else Gate.FAILED


def _beats(beyond: Mapping[int, float], name: str, column: Column, numbers: Numbers) -> Gate:
    """Whether an attack's advantage is large enough: over chance above 0, over a control above the margin.

    Args:
        beyond: the advantage by seed.
        name: what the advantage is measured against: `ATTACK` for a chance level, `GUESS` or `CONTROL`.
        column: the attack's primary metric.
        numbers: give the level of the test.
    """
    if name == CONTROL:
        return exceeds([advantage - column.margin for advantage in beyond.values()], 0.0, numbers.level)
    return exceeds(list(beyond.values()), column.margin, numbers.level)


def _reached(numbers: Numbers, column: Column) -> dict[int, float]:
    """For each seed the smallest of the attack's advantages; seeds that lack one of them are left out."""
    found = [beyond for _, beyond in _advantages(numbers, column)] or [_disparity(numbers, column)]
    seeds = set.intersection(*(set(beyond) for beyond in found)) if found else set()
    return {seed: min(beyond[seed] for beyond in found) for seed in seeds}


def _disparity(numbers: Numbers, column: Column) -> dict[int, float]:
    """By how much the undefended model exceeds what chance gives, by seed; empty for metrics not net of chance."""
    sign, items = 1 if column.riskier == "high" else -1, numbers.of(BASELINE, column)
    return {item.seed: sign * item.net for item in items if item.net is not None and item.by_chance is not None}


def _advantages(numbers: Numbers, column: Column, row: str = BASELINE) -> Iterator[tuple[str, dict[int, float]]]:
    """The attack's advantages on the models of a row, by seed: over chance, then over its controls."""
    sign, mine = 1 if column.riskier == "high" else -1, _by_seed(numbers, column, row)
    for name, other in _to_beat(numbers, column, row):
        yield name, {seed: sign * (value - other[seed]) for seed, value in mine.items() if seed in other}


def _to_beat(numbers: Numbers, column: Column, row: str) -> Iterator[tuple[str, dict[int, float]]]:
    if isinstance(column.chance, int | float):
        yield ATTACK, dict.fromkeys(numbers.seeds, column.chance)
    about = (column.risk, column.probe, column.group)
    alike = [other for other in numbers.columns if (other.risk, other.probe, other.group) == about]
    yield from ((GUESS, _by_seed(numbers, other, row)) for other in alike if other.metric == column.chance)
    yield from ((CONTROL, _by_seed(numbers, other, row)) for other in alike if other.metric == column.must_exceed)


def _by_seed(numbers: Numbers, column: Column, row: str = BASELINE) -> dict[int, float]:
    return {item.seed: item.value for item in numbers.of(row, column) if item.value is not None}


def _numbers(numbers: Numbers, row: str, column: Column) -> list[float]:
    return [item.value for item in numbers.of(row, column) if item.value is not None]


_FOLLOWS = {
    (
        CLAIMS,
        Gate.FAILED,
    ): "The claims of ownership that the defense is made for are right no more often than guesses.",
    (CLAIMS, Gate.UNPROVEN): (
        "It is not shown that the claims of ownership that the defense is made for are right more often than guesses."
    ),
    (MODEL, Gate.FAILED): (
        "This model decides hardly better than always naming one class, so its other results say nothing about a "
        "useful model."
    ),
    (MODEL, Gate.UNPROVEN): "It is not shown that this model decides better than always naming one class.",
    (DEFENSE, Gate.FAILED): (
        "The defense does not reduce the risk it is made for, so this row does not show what an effective defense does."
    ),
    (DEFENSE, Gate.UNPROVEN): "It is not shown that the defense reduces the risk it is made for.",
    (ANOTHER, Gate.FAILED): "The defense reduces another risk that it is made for, but not this one.",
    (ANOTHER, Gate.UNPROVEN): (
        "The defense reduces another risk that it is made for; it is not shown that it reduces this one."
    ),
    (PROOF, Gate.FAILED): (
        "The audit refutes the privacy guarantee: training leaks more than the epsilon that it claims to have spent."
    ),
    (PROOF, Gate.UNPROVEN): (
        "An audit finds more than the epsilon that training claims to have spent, which can be chance."
    ),
    (ATTACK, Gate.FAILED): "The attack finds nothing on the undefended model, so no defense can lower it.",
    (ATTACK, Gate.UNPROVEN): "It is not shown that the attack finds anything on the undefended model.",
    (GUESS, Gate.FAILED): (
        "The attack finds no more on the undefended model than a guess without the model, so no defense can lower it."
    ),
    (GUESS, Gate.UNPROVEN): "It is not shown that the attack finds more than a guess without the undefended model.",
    (CONTROL, Gate.FAILED): (
        "The attack does about as well on a model nobody tampered with, so its success is not due to the tampering."
    ),
    (CONTROL, Gate.UNPROVEN): "It is not shown that the attack does much better than on a model nobody tampered with.",
}
"""What follows from a gate that has not passed, by the name of the gate and its state."""


def _checked(name: str, row: str, about: str | None, state: Gate) -> Checked:
    return Checked(name, row, about, state, _FOLLOWS.get((name, state), ""))
