"""Specs: coerced to their types, refused with one sentence each, and known by everything that they hold."""

import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, fields, replace
from enum import StrEnum

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from amulet.core.errors import InvalidParameter
from amulet.core.spec import Arguments, Count, NonNegative, OpenProbability, Spec


class Metal(StrEnum):
    IRON = "iron"
    GOLD = "gold"


@dataclass(frozen=True)
class Charm(Spec):
    """A spec with a field of every kind."""

    weight: NonNegative = 1.0
    stones: Count = 3
    metal: Metal = Metal.IRON
    blessed: bool = False
    owner: str | None = None
    sizes: tuple[Count, ...] = (1, 2)
    luck: OpenProbability = 0.5


@dataclass(frozen=True)
class Chest(Spec):
    charm: Charm = Charm()
    others: tuple[Charm, ...] = ()
    arguments: Arguments = ()


def sentences(make: Callable[[], object]) -> list[str]:
    with pytest.raises(InvalidParameter) as caught:
        make()
    return [problem.sentence for problem in caught.value.problems]


def test_the_error_is_one_sentence_with_name_owner_range_and_value() -> None:
    assert sentences(lambda: Charm(weight=-1)) == ["The 'weight' of Charm must be at least 0. Got -1."]


def test_all_problems_are_named_at_once() -> None:
    found = sentences(lambda: Charm(weight=-1, stones=0, luck=1))
    assert found == [
        "The 'weight' of Charm must be at least 0. Got -1.",
        "The 'stones' of Charm must be at least 1. Got 0.",
        "The 'luck' of Charm must be less than 1. Got 1.",
    ]


def test_an_unknown_choice_is_answered_with_the_choices() -> None:
    assert sentences(lambda: Charm(metal="tin")) == [  # type: ignore[arg-type]
        "The 'metal' of Charm must be 'iron' or 'gold'. Got 'tin'."
    ]


@pytest.mark.parametrize("value", [True, np.True_])
def test_a_truth_value_is_not_a_number(value: bool) -> None:
    assert sentences(lambda: Charm(weight=value)) == [
        "The 'weight' of Charm must be a number, not a truth value. Got True."
    ]


def test_a_truth_value_is_not_a_number_inside_a_tuple_either() -> None:
    assert "truth value" in sentences(lambda: Charm(sizes=(True, 2)))[0]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_without_end_is_refused(value: float) -> None:
    assert sentences(lambda: Charm(weight=value)) == [f"The 'weight' of Charm must be a finite number. Got {value}."]


def test_a_fraction_is_not_a_count() -> None:
    assert "Got 1.5." in sentences(lambda: Charm(stones=1.5))[0]  # type: ignore[arg-type]


def test_a_spec_of_another_kind_is_refused() -> None:
    assert "an instance of Charm" in sentences(lambda: Chest(charm=Chest()))[0]  # type: ignore[arg-type]


def test_the_errors_survive_pickling() -> None:
    with pytest.raises(InvalidParameter) as caught:
        Charm(stones=0)
    assert pickle.loads(pickle.dumps(caught.value)).problems == caught.value.problems  # noqa: S301


@pytest.mark.parametrize("two", [2, 2.0, np.float32(2), np.int64(2), np.array(2), torch.tensor(2)])
def test_one_number_has_one_digest_however_it_is_written(two: float) -> None:
    assert type(Charm(weight=two).weight) is float
    assert Charm(weight=two).digest == Charm(weight=2.0).digest


def test_numpy_integers_are_counts() -> None:
    charm = Charm(sizes=tuple(np.array([4, 5])))
    assert charm.sizes == (4, 5)
    assert {type(size) for size in charm.sizes} == {int}


def test_choices_may_be_given_by_value_and_tuples_as_lists() -> None:
    charm = Charm(metal="gold", sizes=[3])  # type: ignore[arg-type]
    assert charm == Charm(metal=Metal.GOLD, sizes=(3,))
    assert charm.digest == Charm(metal=Metal.GOLD, sizes=(3,)).digest


@given(st.floats(min_value=0, allow_infinity=False), st.floats(min_value=0, allow_infinity=False))
def test_specs_are_equal_exactly_where_their_digests_are(one: float, other: float) -> None:
    assert (Charm(weight=one) == Charm(weight=other)) == (Charm(weight=one).digest == Charm(weight=other).digest)


def test_zero_has_no_sign() -> None:
    assert Charm(weight=-0.0) == Charm(weight=0.0)
    assert Charm(weight=-0.0).digest == Charm(weight=0.0).digest


def test_arguments_are_kept_in_the_order_of_their_names() -> None:
    one = Chest(arguments={"b": 1, "a": 2})  # type: ignore[arg-type]
    assert one.arguments == (("a", 2), ("b", 1))
    assert one.digest == Chest(arguments={"a": 2, "b": 1}).digest  # type: ignore[arg-type]


OTHERS: dict[str, object] = {
    "weight": 1.5,
    "stones": 4,
    "metal": Metal.GOLD,
    "blessed": True,
    "owner": "Ada",
    "sizes": (2, 1),
    "luck": 0.25,
}


@pytest.mark.parametrize("name", [field.name for field in fields(Charm)])
def test_every_field_enters_the_digest(name: str) -> None:
    assert replace(Charm(), **{name: OTHERS[name]}).digest != Charm().digest  # type: ignore[arg-type]


def test_a_raised_version_is_another_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Charm().digest
    monkeypatch.setattr(Charm, "version", 2)
    assert Charm().digest != before


def test_a_nested_spec_enters_with_all_its_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Chest(charm=Charm(stones=4)).digest != Chest().digest
    assert Chest(others=(Charm(stones=4),)).digest != Chest(others=(Charm(),)).digest
    before = Chest().digest
    monkeypatch.setattr(Charm, "version", 2)
    assert Chest(charm=Charm()).digest != before


def test_two_classes_with_the_same_fields_are_two_things() -> None:
    @dataclass(frozen=True)
    class Spell(Charm):
        pass

    assert Spell().digest != Charm().digest


def test_specs_are_frozen_and_survive_pickling() -> None:
    charm = Charm(stones=4)
    with pytest.raises(FrozenInstanceError):
        charm.stones = 5  # type: ignore[misc]
    copy = pickle.loads(pickle.dumps(charm))  # noqa: S301
    assert copy == charm
    assert copy.digest == charm.digest


def test_a_spec_reads_as_its_name_and_what_differs_from_the_defaults() -> None:
    assert str(Charm()) == "Charm"
    assert str(Charm(weight=0.25, metal=Metal.GOLD)) == "Charm(weight=0.25, metal=gold)"
    assert str(Chest(charm=Charm(stones=4))) == "Chest(charm=Charm(stones=4))"


def test_plain_is_what_json_knows() -> None:
    path = f"{__name__}.Charm"
    assert Charm(metal=Metal.GOLD).plain()[path] == {
        "weight": 1.0,
        "stones": 3,
        "metal": "gold",
        "blessed": False,
        "owner": None,
        "sizes": [1, 2],
        "luck": 0.5,
    }
