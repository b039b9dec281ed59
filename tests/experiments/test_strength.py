"""An attack that fails is said to: beaten by noise, by a stronger attack, or by a larger perturbation."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from amulet.core.measurements.curve import Curve
from amulet.core.threat import Access
from amulet.evasion import EvasionAttack, EvasionOutcome
from amulet.evasion.attacks import PGD, AutoAttack, Transfer
from amulet.evasion.metrics import noise_accuracy, one_class_share, robust_accuracy
from amulet.experiments import BASELINE, Experiment, Results, assess
from amulet.experiments.results.checks.gates import Checked
from amulet.experiments.results.numbers import Column, Traced, Value
from amulet.statistics import Gate
from amulet.testing import TOY_RECIPE, toy_dataset

METRICS = (robust_accuracy, noise_accuracy, one_class_share)
JITTER = (0.0, 0.004, -0.004, 0.002, -0.002)


def columns(attack: EvasionAttack) -> tuple[Column, ...]:
    return tuple(
        Column(
            "evasion", str(attack), str(metric), 0, 1, metric.riskier, metric.primary, metric.margin, metric.chance,
            attack.budget(), int(attack.needs), shows=metric.shows,
        )
        for metric in METRICS
    )  # fmt: skip


def results(numbers: Mapping[EvasionAttack, tuple[float, ...]], jitter: tuple[float, ...] = JITTER) -> Results:
    """Five seeds around robust accuracy, accuracy under noise and the share of one class of each attack."""
    found = [
        (column, mean, place)
        for attack, means in numbers.items()
        for place, (column, mean) in enumerate(zip(columns(attack), means, strict=True))
    ]
    values = [
        Value(BASELINE, "evasion", column.probe, column.metric, seed, mean + jitter[(seed + place) % 5], None, "")
        for column, mean, place in found
        for seed in range(5)
    ]
    return Results("e", "d", "c", None, tuple(column for column, _, _ in found), tuple(values), {}, classes=2)


def gate(found: Results, attack: EvasionAttack) -> Checked | None:
    return next((each for each in found.gates if each.name == "strength" and each.about == str(attack)), None)


def state(found: Results, attack: EvasionAttack) -> Gate | None:
    checked = gate(found, attack)
    return checked.state if checked else None


def test_an_attack_that_beats_noise_works() -> None:
    assert state(results({PGD(): (0.5, 0.85, 0.6)}), PGD()) is Gate.PASSED


def test_an_attack_no_better_than_noise_fails() -> None:
    checked = gate(results({PGD(): (0.85, 0.85, 0.6)}), PGD())
    assert checked is not None
    assert checked.state is Gate.FAILED
    assert checked.follows == (
        "The attack does no better than random noise of its size: "
        "a sign that it fails. What it leaves standing does not show robustness."
    )


@pytest.mark.parametrize(("other", "expected"), [(0.2, Gate.FAILED), (0.48, Gate.PASSED)])
def test_an_attack_far_above_autoattack_fails(other: float, expected: Gate) -> None:
    found = results({PGD(): (0.5, 0.85, 0.6), AutoAttack(): (other, 0.85, 0.6)})
    assert state(found, PGD()) is expected
    assert state(found, AutoAttack()) is Gate.PASSED


@pytest.mark.parametrize("weaker", [PGD(epsilon=0.01), PGD(norm="l2"), PGD(frozen=(0,)), Transfer()])
def test_only_attacks_that_may_do_as_much_are_compared(weaker: EvasionAttack) -> None:
    found = results({weaker: (0.6, 0.85, 0.6), AutoAttack(): (0.2, 0.85, 0.6)})
    assert state(found, weaker) is Gate.PASSED


def test_a_black_box_attack_shows_up_one_that_sees_the_weights() -> None:
    """What masked gradients look like."""
    found = results({PGD(): (0.6, 0.85, 0.6), Transfer(): (0.3, 0.85, 0.6)})
    assert state(found, PGD()) is Gate.FAILED
    assert state(found, Transfer()) is Gate.PASSED


@pytest.mark.parametrize(
    ("curve", "expected"),
    [
        ((0.9, 0.8, 0.7, 0.5), Gate.PASSED),
        ((0.9, 0.6, 0.5, 0.62), Gate.FAILED),
        ((0.9, 0.9, 0.9, 0.9), Gate.FAILED),
    ],
)
def test_an_attack_must_gain_by_a_larger_epsilon(curve: tuple[float, ...], expected: Gate) -> None:
    found = results({PGD(): (0.5, 0.85, 0.6)})
    drawn = [
        Traced(BASELINE, "evasion", "PGD", seed, "", Curve("", "", "", (0, 1, 2, 3), tuple(y + shift for y in curve)))
        for seed, shift in enumerate(JITTER)
    ]
    assert state(replace(found, curves=tuple(drawn)), PGD()) is expected


@pytest.mark.parametrize("classes", [2, 3], ids=["every class tested", "one class not tested"])
def test_a_model_that_always_names_one_class_is_not_the_attack_s_fault(classes: int) -> None:
    assert gate(replace(standing(named=[0, 0, 0, 0]), classes=classes), PGD()) is None


@pytest.mark.parametrize("named", [[0, 0, 0, 1], [0, 1, 1, 0], [0, 0, 1, 1]])
def test_a_model_of_which_nothing_moves_is(named: list[int]) -> None:
    """It may be robust; gradients that are hidden look the same."""
    assert state(standing(named), PGD()) is Gate.FAILED


def standing(named: list[int]) -> Results:
    """A model that names these classes whatever is done to records of the classes 0, 0, 1 and 1."""
    predicted = torch.tensor(named)
    outcome = EvasionOutcome(
        torch.tensor([0, 0, 1, 1]), predicted, predicted, torch.zeros(4), predicted, torch.arange(4)
    )
    values = [metric(outcome) for metric in METRICS]
    return results({PGD(): tuple(value for value in values if isinstance(value, float))}, jitter=(0.0,) * 5)


def test_where_nothing_withstands_there_is_nothing_to_be_believed() -> None:
    assert gate(results({PGD(): (0.0, 0.0, 0.6)}, jitter=(0.0,) * 5), PGD()) is None


def test_an_assessment_knows_budgets_and_access(tmp_path: Path) -> None:
    attacks = (PGD(epsilon=0.1, steps=3), Transfer(PGD(epsilon=0.1, steps=3)))
    recipe = replace(TOY_RECIPE, epochs=2)
    experiment = Experiment("toy", None, recipe, (), attacks=attacks, audits=(), seeds=2)
    found = assess(experiment, dataset=toy_dataset(), workers=1, store=tmp_path)
    assert {(column.budget, column.access) for column in found.columns} == {
        ("linf <= 0.1", int(Access.WEIGHTS)),
        ("linf <= 0.1", int(Access.LABELS)),
    }
    assert Results.from_json(found.to_json()).columns == found.columns
