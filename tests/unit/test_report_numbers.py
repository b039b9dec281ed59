"""Numbers as the report writes them."""

from amulet.report.words.vocabulary.formats import MINUS, number, setting, signed, spread
from amulet.statistics import Summary


def test_numbers_have_three_decimals_unless_that_hides_them() -> None:
    assert [number(value) for value in (0.25, -0.25, 0)] == ["0.250", f"{MINUS}0.250", "0.000"]
    assert [number(value) for value in (1e-17, 0.00031, 5e-5, 12345.6)] == ["0.000", "0.0003", "0.00005", "12,346"]
    assert [number(value) for value in (float("inf"), float("-inf"))] == ["∞", f"{MINUS}∞"]
    assert number(float("nan")) == "not a number"


def test_a_difference_shows_its_sign_and_zero_has_none() -> None:
    assert [signed(value) for value in (0.02, -0.02)] == ["+0.020", f"{MINUS}0.020"]
    assert [signed(value) for value in (0.0, 1e-17, -1e-17)] == ["0.000"] * 3
    assert signed(float("nan")) == "not a number"


def test_a_spread_is_not_made_up_for_one_seed() -> None:
    assert spread(Summary(0.5, None, 1)) == ""
    assert spread(Summary(0.5, 0.0, 2)) == "± 0.000"
    assert spread(Summary(0.5, 0.0001, 2)) == "± <0.001"


def test_settings_are_words() -> None:
    assert [setting(value) for value in (None, True, [1, 2.5], [])] == [
        "not given",
        "yes",
        "[1, 2.5]",
        "none",
    ]
    assert [setting(value) for value in (1e-5, float("inf"), "prv")] == ["0.00001", "∞", "prv"]
