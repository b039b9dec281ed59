"""The gates: a verdict is worth what the model, the defense and the attack behind it are worth."""

from dataclasses import replace
from pathlib import Path

import pytest

from amulet.data_reconstruction.attacks import ModelInversion
from amulet.data_reconstruction.metrics import mse, ssim, trivial_mse, trivial_ssim
from amulet.experiments import Experiment, Row, assess
from amulet.experiments.results.numbers import Column, Value
from amulet.experiments.results.results import Results
from amulet.membership_inference.attacks import LossThreshold
from amulet.membership_inference.defenses import DPSGD
from amulet.poisoning.metrics import clean_target_rate, poisoned_accuracy, trigger_alone
from amulet.statistics import Gate, Word, exceeds
from amulet.testing import TOY_RECIPE, toy_dataset

BALANCED = Column(
    "utility", "Utility", "balanced_accuracy", 0, 1, None, primary=True, margin=0.02, chance=None, shows="trained"
)
LEAK = Column("membership_inference", "LiRA", "auc", 0, 1, "high", primary=True, margin=0.02, chance=0.5)
LOSS = Column("membership_inference", "Loss", "auc", 0, 1, "high", primary=True, margin=0.02, chance=0.5)
ROBUST = Column("evasion", "PGD", "robust_accuracy", 0, 1, "low", primary=True, margin=0.02, chance="noise_accuracy")
NOISE = Column(
    "evasion",
    "PGD",
    "noise_accuracy",
    0,
    1,
    None,
    primary=False,
    margin=0.02,
    chance=None,
    shows="noise",
)
POISONED, CLEAN, ALONE = (
    Column(
        "poisoning", "BadNets", str(metric), 0, 1, metric.riskier, metric.primary, metric.margin, metric.chance,
        must_exceed=metric.must_exceed,
    )
    for metric in (poisoned_accuracy, clean_target_rate, trigger_alone)
)  # fmt: skip
ERROR, SIMILAR, *GUESSED = (
    Column(
        "data_reconstruction", "ModelInversion", str(metric), metric.low, metric.high, metric.riskier, metric.primary,
        metric.margin, metric.chance, shows=metric.shows,
    )
    for metric in (mse, ssim, trivial_mse, trivial_ssim)
)  # fmt: skip
EXCESS = Column(
    "membership_inference", "PrivacyAudit", "excess_epsilon", 0, 11, None, primary=False, margin=0.1, chance=None,
    shows="proof",
)  # fmt: skip
SHOWN = replace(LEAK, access=0b1111)
"""Of an attack, where `LEAK` does not say what it sees."""

JITTER = (0.0, 0.004, -0.004, 0.002, -0.002)


def results(numbers: dict[tuple[str, Column], float]) -> Results:
    """Five seeds around each mean; the row "dp" is made against membership inference."""
    values = [
        Value(row, column.risk, column.probe, column.metric, seed, mean + shift, None, f"{row}{column.metric}{seed}")
        for place, ((row, column), mean) in enumerate(numbers.items())
        for seed, shift in enumerate(JITTER[place % 2 :] + JITTER[: place % 2])
    ]
    columns = tuple(dict.fromkeys(column for _, column in numbers))
    own = {"dp": ("membership_inference",)}
    return Results("e", "d", "c", None, columns, tuple(values), {}, classes=2, own_risks=own)


def state(found: Results, name: str, row: str = "undefended") -> Gate:
    return next(gate.state for gate in found.gates if gate.name == name and gate.row == row)


def test_a_model_at_chance_has_not_trained() -> None:
    found = results({("undefended", BALANCED): 0.8, ("dp", BALANCED): 0.5})
    assert state(found, "model") is Gate.PASSED
    assert state(found, "model", "dp") is Gate.FAILED


def test_a_defense_must_lower_its_own_risk() -> None:
    works, unclear, fails = (results({("undefended", LEAK): 0.68, ("dp", LEAK): leak}) for leak in (0.52, 0.681, 0.75))
    assert state(works, "defense", "dp") is Gate.PASSED
    assert state(unclear, "defense", "dp") is Gate.UNPROVEN  # five seeds cannot show that nothing changes
    assert state(fails, "defense", "dp") is Gate.FAILED


@pytest.mark.parametrize(
    ("leak", "error", "expected"),
    [
        (0.52, 0.10, ["", ""]),
        (0.52, 0.03, ["", "The defense reduces another risk that it is made for, but not this one."]),
        (0.75, 0.10, ["The defense reduces another risk that it is made for, but not this one.", ""]),
        (0.75, 0.03, ["The defense does not reduce the risk it is made for, so this row does not show"] * 2),
    ],
)
def test_each_risk_that_a_defense_is_made_for_is_asked_about(leak: float, error: float, expected: list[str]) -> None:
    """As of DP-SGD, of membership inference and data reconstruction; a reconstruction with a larger error is worse."""
    found = results({
        ("undefended", LEAK): 0.68, ("dp", LEAK): leak, ("undefended", ERROR): 0.05, ("dp", ERROR): error,
    })  # fmt: skip
    gates = [gate for gate in replace(found, own_risks={"dp": DPSGD().risks}).gates if gate.name == "defense"]
    assert [gate.about for gate in gates] == ["membership_inference", "data_reconstruction"]
    for gate, sentence in zip(gates, expected, strict=True):
        assert gate.state is (Gate.FAILED if sentence else Gate.PASSED)
        assert gate.follows.startswith(sentence)


def test_a_plan_of_dp_sgd_asks_about_both_of_its_risks(tmp_path: Path) -> None:
    rows = (Row("dp", (DPSGD(epsilon=8, delta=1e-3, accountant="rdp"),)),)
    attacks = (LossThreshold(), ModelInversion(steps=1))
    found = assess(Experiment("toy", None, TOY_RECIPE, rows, attacks, seeds=2), dataset=toy_dataset(), store=tmp_path)
    asked = [gate.about for gate in found.gates if gate.name == "defense"]
    assert asked == ["membership_inference", "data_reconstruction"]


@pytest.mark.parametrize("by_rows", [False, True], ids=["one row", "two rows"])
def test_below_chance_is_no_less_a_leak_than_chance(*, by_rows: bool) -> None:
    """AUC .50 to .45: a difference that no seed contradicts, but no attack found anything before or after."""
    numbers = {("undefended", SHOWN): 0.5, ("dp", SHOWN): 0.45} | ({("other", SHOWN): 0.7} if by_rows else {})
    found = results(numbers)
    assert found.verdicts["dp", SHOWN].word is Word.NO_LEAK
    assert state(found, "defense", "dp") is Gate.UNPROVEN
    if by_rows:
        assert found.verdicts["other", SHOWN].word is Word.INCREASES


def test_a_metric_without_a_chance_level_goes_by_the_primary_one_of_its_attack() -> None:
    accuracy = replace(SHOWN, metric="balanced_accuracy", primary=False, chance=None)
    at_chance = {("undefended", SHOWN): 0.5, ("dp", SHOWN): 0.45, ("undefended", accuracy): 0.55, ("dp", accuracy): 0.5}
    leaking = at_chance | {("undefended", SHOWN): 0.6}
    words = [results(numbers).verdicts["dp", accuracy].word for numbers in (at_chance, leaking)]
    assert words == [Word.NO_LEAK, Word.DECREASES]


@pytest.mark.parametrize(("robust", "word"), [(0.85, Word.NO_LEAK), (0.5, Word.DECREASES)])
def test_robust_accuracy_that_falls_under_mere_noise_is_no_success_of_the_attack(robust: float, word: Word) -> None:
    attacked, noise = (replace(column, access=15) for column in (ROBUST, NOISE))
    before = {("undefended", attacked): 0.95, ("undefended", noise): 0.95}
    found = results(before | {("dp", attacked): robust, ("dp", noise): 0.85})
    assert found.verdicts["dp", attacked].word is word


def test_a_chance_level_without_a_value_leaves_the_change_as_it_is() -> None:
    """Nothing is known of "no leak shown in either" where it is unknown what the attack gets without the model."""
    attacked = replace(ROBUST, access=15)
    found = results({("undefended", attacked): 0.5, ("dp", attacked): 0.85})
    assert found.verdicts["dp", attacked].word is Word.INCREASES


def sequential(more: tuple[float, ...]) -> Results:
    """Five seeds of two attacks, of which LiRA is the stronger and stopped by "dp", and more seeds of the other."""
    numbers = {("undefended", LEAK): 0.68, ("dp", LEAK): 0.52, ("undefended", LOSS): 0.6, ("dp", LOSS): 0.601}
    found = results(numbers)
    later = [
        Value(row, LOSS.risk, LOSS.probe, LOSS.metric, seed, value, None, f"{row}{seed}")
        for row in ("undefended", "dp")
        for seed, value in enumerate(more, start=5)
    ]
    return replace(found, values=(*found.values, *later), looks=(5, 10))


@pytest.mark.parametrize("later", [(), (0.9,) * 5])
def test_more_seeds_of_one_attack_do_not_make_it_the_strongest(later: tuple[float, ...]) -> None:
    assert state(sequential(later), "defense", "dp") is Gate.PASSED


def test_attacks_are_compared_on_seeds_on_which_both_have_a_value() -> None:
    """On seed 0 every attack does well; LiRA has no value there, and is the better one on all others."""
    numbers = {("undefended", LEAK): 0.64, ("dp", LEAK): 0.52, ("undefended", LOSS): 0.6, ("dp", LOSS): 0.601}
    found = results(numbers)
    values = tuple(
        replace(value, value=None if value.probe == "LiRA" else 0.9) if value.seed == 0 else value
        for value in found.values
    )
    assert state(replace(found, values=values), "defense", "dp") is Gate.PASSED


def test_an_attack_at_chance_finds_nothing() -> None:
    found = results({("undefended", LEAK): 0.5, ("dp", LEAK): 0.5})
    assert state(found, "attack") is Gate.FAILED


@pytest.mark.parametrize(("robust", "expected"), [(0.6, Gate.PASSED), (0.9, Gate.FAILED)])
def test_an_evasion_that_changes_no_more_than_noise_finds_nothing(robust: float, expected: Gate) -> None:
    found = results({("undefended", ROBUST): robust, ("undefended", NOISE): 0.9})
    assert state(found, "attack") is expected


@pytest.mark.parametrize(
    ("error", "similarity", "expected"),
    [(0.05, 0.3, Gate.PASSED), (0.05, 0.1, Gate.FAILED), (0.15, 0.3, Gate.FAILED), (0.15, 0.1, Gate.FAILED)],
)
def test_an_inversion_beats_guesses_both_in_error_and_in_similarity(
    error: float, similarity: float, expected: Gate
) -> None:
    values = {ERROR: error, SIMILAR: similarity, GUESSED[0]: 0.12, GUESSED[1]: 0.14}
    assert state(results({("undefended", column): value for column, value in values.items()}), "attack") is expected


def test_an_attack_no_better_than_a_guess_without_the_model_is_told_as_such() -> None:
    """Such a guess can be right often, so "finds nothing" would be misread."""
    values = {ERROR: 0.15, SIMILAR: 0.3, GUESSED[0]: 0.12, GUESSED[1]: 0.14}
    found = results({("undefended", column): value for column, value in values.items()})
    [told] = [gate.follows for gate in found.gates if gate.name == "attack"]
    assert told == (
        "The attack finds no more on the undefended model than a guess without the model, so no defense can lower it."
    )


def test_of_records_without_similarity_the_error_decides() -> None:
    found = results({("undefended", column): value for column, value in {ERROR: 0.05, GUESSED[0]: 0.12}.items()})
    undefined = tuple(
        Value("undefended", column.risk, column.probe, column.metric, seed, None, "no images", f"{column.metric}{seed}")
        for column in (SIMILAR, GUESSED[1])
        for seed in range(5)
    )
    columns = (*found.columns, SIMILAR, GUESSED[1])
    assert state(replace(found, columns=columns, values=(*found.values, *undefined)), "attack") is Gate.PASSED


@pytest.mark.parametrize(("alone", "expected"), [(0.1, Gate.PASSED), (0.9, Gate.FAILED), (0.893, Gate.FAILED)])
def test_a_trigger_that_moves_a_clean_model_is_no_backdoor(alone: float, expected: Gate) -> None:
    numbers = {("undefended", POISONED): 0.9, ("undefended", CLEAN): 0.05, ("undefended", ALONE): alone}
    found = results(numbers)
    assert state(found, "attack") is expected
    told = next(gate.follows for gate in found.gates if gate.name == "attack")
    assert ("a model nobody tampered with" in told) == (expected is Gate.FAILED)


def test_one_seed_proves_nothing() -> None:
    assert exceeds([0.3], 0.02) is Gate.UNPROVEN
    assert exceeds([0.3, -0.2, 0.1], 0.02) is Gate.UNPROVEN


def test_what_follows_is_said_unless_the_gate_is_shown() -> None:
    found = results({("undefended", BALANCED): 0.8, ("dp", BALANCED): 0.5})
    assert [bool(gate.follows) for gate in found.gates] == [False, True]


@pytest.mark.parametrize(
    ("excess", "expected"),
    [((0.0,) * 10, Gate.PASSED), ((0.2,) + (0.0,) * 9, Gate.UNPROVEN), ((0.2,) * 3 + (0.0,) * 7, Gate.FAILED)],
    ids=["never", "once", "often"],
)
def test_a_guarantee_is_refuted_by_audits_that_exceed_it_more_often_than_by_chance(
    excess: tuple[float, ...], expected: Gate
) -> None:
    values = tuple(
        Value("dp", EXCESS.risk, EXCESS.probe, EXCESS.metric, seed, value, None, f"{seed}")
        for seed, value in enumerate(excess)
    )
    found = replace(results({("undefended", LEAK): 0.68, ("dp", LEAK): 0.52}), columns=(LEAK, EXCESS))
    found = replace(found, values=(*found.values, *values))
    assert state(found, "proof", "dp") is expected
    assert [gate.row for gate in found.gates if gate.name == "proof"] == ["dp"]
