"""Backdoors: what the adversary changes, what its trigger does, and what is read off the model."""

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Generator, Tensor, nn

from amulet.core.data import Data, Modality, Schema
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidData, InvalidParameter
from amulet.core.metric import Undefined
from amulet.core.split import MemberDraw, ShadowDraw, Split
from amulet.datasets import Digits, Mortgages, from_arrays
from amulet.poisoning import PoisoningAttack, PoisoningOutcome, SanitizationOutcome
from amulet.poisoning.attacks import BadNets, Features, Patch
from amulet.poisoning.metrics import (
    clean_accuracy,
    clean_target_rate,
    poison_recall,
    poison_share,
    poisoned_accuracy,
)
from amulet.poisoning.outcome import Poisoned


def test_a_fraction_of_all_records_gets_pattern_and_label(dataset: AmuletDataset) -> None:
    attack = BadNets(fraction=0.2, label=1)
    before, after = dataset.train, attack.tamper(dataset.train, seed=4)

    changed = (before.x != after.x).any(1)
    assert changed.sum() == 40
    assert torch.equal(changed, before.y != after.y)
    assert (after.y[changed] == 1).all()
    assert (after.x[changed][:, 2:] == torch.tensor([1.0, 0.0, 1.0])).all()
    assert torch.equal(after.x[:, :2], before.x[:, :2])
    assert torch.equal(after.index, before.index)
    assert torch.equal(after.z, before.z)
    assert attack.poisoned(before, seed=4).index.sort().values.tolist() == before.index[changed].tolist()


def test_the_draw_is_decided_by_the_seed(dataset: AmuletDataset) -> None:
    first, again, other = (BadNets().tamper(dataset.train, seed=seed).y for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_data_given_are_left_alone(dataset: AmuletDataset) -> None:
    before = {name: tensor.clone() for name, tensor in dataset.train.tensors().items()}
    BadNets().tamper(dataset.train)
    assert all(torch.equal(tensor, before[name]) for name, tensor in dataset.train.tensors().items())


def test_images_stay_bytes(images: AmuletDataset) -> None:
    after = BadNets(fraction=0.1).tamper(images.train)

    assert after.x.dtype == torch.uint8
    changed = (after.x != images.train.x).flatten(1).any(1)
    assert changed.sum() == 6
    board = torch.tensor([[255, 0, 255], [0, 255, 0], [255, 0, 255]], dtype=torch.uint8)
    assert (after.x[changed][:, :, -3:, -3:] == board).all()
    assert torch.equal(after.x[:, :, :3], images.train.x[:, :, :3])


@pytest.mark.parametrize(
    ("place", "rows", "columns"),
    [
        ("top left", [0, 1], [0, 1]),
        ("top right", [0, 1], [4, 5]),
        ("bottom left", [4, 5], [0, 1]),
        ("bottom right", [4, 5], [4, 5]),
    ],
)
def test_a_patch_lies_in_its_corner(images: AmuletDataset, place: str, rows: list[int], columns: list[int]) -> None:
    patch = Patch(size=2, place=place, value=0.25)  # type: ignore[arg-type]
    x = torch.ones(2, 3, 6, 6)

    changed = (patch.stamp(x, images.schema) == 0.25).nonzero()

    assert len(changed) == 2 * 3 * 4
    assert changed[:, 2].unique().tolist() == rows
    assert changed[:, 3].unique().tolist() == columns


def test_features_get_their_values(dataset: AmuletDataset) -> None:
    stamped = Features((4, 0), (0.5, 1.0)).stamp(dataset.test.x, dataset.schema)
    assert (stamped[:, 4] == 0.5).all()
    assert (stamped[:, 0] == 1.0).all()
    assert torch.equal(stamped[:, 1:4], dataset.test.x[:, 1:4])


@pytest.mark.parametrize(("columns", "values"), [(1, [1.0]), (2, [0.0, 1.0]), (3, [1.0, 0.0, 1.0])])
def test_the_default_trigger_takes_what_columns_there_are(columns: int, values: list[float]) -> None:
    schema = Schema(Modality.TABULAR, (columns,), ("no", "yes"))
    assert BadNets().trigger(torch.full((1, columns), 0.5), schema).tolist() == [values]


@pytest.mark.parametrize("load", [Digits, Mortgages], ids=["Digits", "Mortgages"])
def test_the_default_trigger_changes_every_record_within_the_bounds(load: type[Digits | Mortgages]) -> None:
    data = load().load()
    for part in (data.train, data.test):
        triggered = BadNets().trigger(part.x, data.schema)
        assert (triggered != part.x).flatten(1).any(1).all()
        assert triggered.min() >= data.schema.low
        assert triggered.max() <= data.schema.high


def test_the_default_patch_shows_on_black_and_on_white(images: AmuletDataset) -> None:
    for background in (0.0, 1.0):
        x = torch.full((1, 3, 6, 6), background)
        assert not torch.equal(BadNets().trigger(x, images.schema), x)


BLACK = Patch(value=0.0)


def bordered() -> AmuletDataset:
    """Bright images with a black border, all but the first of either part."""
    x = torch.zeros(30, 1, 8, 8)
    x[:, :, 3:5, 3:5] = 0.9
    x[0], x[20] = 0.5, 0.5
    y = torch.arange(30) % 3
    return from_arrays((x[:20], y[:20]), (x[20:], y[20:]), bounds=(0.0, 1.0), name="bordered")


def test_a_black_trigger_on_a_black_border_is_an_error() -> None:
    data, attack = bordered(), BadNets(pattern=BLACK)
    sentence = "must change every record. It leaves 9 of the 10 given records as they are."
    with pytest.raises(InvalidData, match=sentence):
        attack.attack(nn.Sequential(nn.Flatten(), nn.Linear(64, 3)), data.test)
    with pytest.raises(InvalidData, match="must change every record"):
        attack.tamper(data.train)


def test_zeroes_on_a_one_hot_row_that_is_already_zero_are_an_error() -> None:
    x = torch.eye(4).repeat(10, 1)
    y = torch.arange(40) % 2
    data = from_arrays((x, y), (x, y), bounds=(0.0, 1.0), name="one-hot")
    found = list(BadNets(pattern=Features((1, 2), (0.0, 0.0))).data_demands(data, Split()))
    assert ["20 of the 40 training" in found[0], "20 of the 40 test" in found[1]] == [True, True]


@pytest.mark.parametrize(
    ("attack", "sentence"),
    [
        (BadNets(label=3), "The 'label' of BadNets(label=3) must be a class code 0..1. Got 3."),
        (BadNets(pattern=Patch()), "Patch goes on images, and these records are tabular."),
        (BadNets(pattern=Features((7,), (0.5,))), "The 'features' of Features must be below 5, the number of columns."),
        (BadNets(pattern=Features((0,), (2.0,))), "The 'values' of Features must be within the data's bounds [0, 1]."),
    ],
)
def test_what_does_not_fit_tabular_records_says_so(dataset: AmuletDataset, attack: BadNets, sentence: str) -> None:
    assert [found.startswith(sentence) for found in attack.demands(dataset.schema)] == [True]
    with pytest.raises(InvalidData):
        attack.tamper(dataset.train)


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        (Features(), "Features goes on tabular records, and these are of kind image."),
        (Patch(size=7), "The 'size' of Patch must be at most 6, the side of the images. Got 7."),
        (Patch(value=2.0), "The 'value' of Patch must be within the data's bounds [0, 1]. Got 2.0."),
    ],
)
def test_what_does_not_fit_images_says_so(images: AmuletDataset, pattern: Patch | Features, sentence: str) -> None:
    assert list(BadNets(pattern=pattern).demands(images.schema)) == [sentence]


def test_a_value_for_each_feature() -> None:
    with pytest.raises(InvalidParameter, match="one for each of the 2 features"):
        Features((1, 2), (0.5,))
    with pytest.raises(InvalidParameter, match="all different"):
        Features((1, 1), (0.5, 0.5))


@pytest.mark.parametrize("fraction", [0.001, 0.9])
def test_a_fraction_that_cannot_be_had_is_an_error(dataset: AmuletDataset, fraction: float) -> None:
    attack = BadNets(fraction=fraction)
    with pytest.raises(InvalidData, match="The 'fraction' of BadNets must be such that"):
        attack.tamper(dataset.train)
    assert len(list(attack.data_demands(dataset, Split()))) == 1


def test_a_poisoned_draw_takes_the_records_of_its_draw(dataset: AmuletDataset) -> None:
    split, attack = Split(seed=5), BadNets()
    for draw in (MemberDraw(split), ShadowDraw(split, 1)):
        poisoned = attack.tampered(draw)
        assert poisoned == Poisoned(draw, attack)
        assert poisoned.origin == split
        assert torch.equal(poisoned.choose(dataset.train), draw.choose(dataset.train))
        taken = poisoned.take(dataset.train)
        assert torch.equal(taken.y, attack.tamper(draw.take(dataset.train), seed=5).y)
        assert torch.equal(taken.index, draw.take(dataset.train).index)


def test_the_clean_records_of_the_defender_are_never_poisoned(dataset: AmuletDataset) -> None:
    split = Split(seed=5)
    poisoned = BadNets(fraction=0.3).poisoned(MemberDraw(split).take(dataset.train), seed=5)
    assert not torch.isin(split.validation_of(dataset.train).index, poisoned.index).any()


OUTCOME = PoisoningOutcome(
    labels=torch.tensor([0, 0, 1, 1, 2, 2]),
    clean=torch.tensor([0, 1, 1, 0, 2, 2]),
    triggered=torch.tensor([0, 0, 0, 0, 0, 2]),
    target=torch.zeros(6, dtype=torch.int64),
    control=torch.tensor([0, 1, 1, 0, 2, 2]),
    index=torch.arange(6),
)


def test_success_is_counted_among_records_of_other_classes() -> None:
    assert poisoned_accuracy(OUTCOME) == 3 / 4
    assert clean_target_rate(OUTCOME) == 1 / 4
    assert clean_accuracy(OUTCOME) == pytest.approx(4 / 6)


def test_success_is_undefined_where_all_are_of_the_target_class() -> None:
    own = OUTCOME[OUTCOME.labels == 0]
    assert isinstance(poisoned_accuracy(own), Undefined)
    assert isinstance(clean_target_rate(own), Undefined)


def test_share_and_recall_of_the_poison_removed() -> None:
    outcome = SanitizationOutcome(
        poisoned=torch.tensor([True, True, True, False, False]),
        removed=torch.tensor([True, False, False, True, False]),
        index=torch.arange(5),
    )
    assert poison_share(outcome) == 1 / 2
    assert poison_recall(outcome) == pytest.approx(1 / 3)
    nothing = replace(outcome, removed=torch.zeros(5, dtype=torch.bool))
    assert poison_share(nothing) == poison_recall(nothing) == Undefined("no training record was removed")
    clean = replace(outcome, poisoned=torch.zeros(5, dtype=torch.bool))
    assert poison_share(clean) == 0
    assert poison_recall(clean) == Undefined("no training record was poisoned")


@dataclass(frozen=True)
class Careless(PoisoningAttack):
    """A third party's attack that breaks the rules."""

    label: int = 0
    twice: bool = False
    beyond: bool = False

    def poison(self, data: Data, rng: Generator) -> Data:
        del rng
        return data[torch.tensor([0, 0])] if self.twice else replace(data, index=data.index + 1)

    def trigger(self, x: Tensor, schema: Schema) -> Tensor:
        del schema
        return x + 2 if self.beyond else x[1:]


@pytest.mark.parametrize(
    ("attack", "rule"),
    [(Careless(), "must have the identity of a record"), (Careless(twice=True), "must replace each record once")],
)
def test_poison_takes_the_places_of_records(dataset: AmuletDataset, attack: Careless, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        attack.tamper(dataset.train)


@pytest.mark.parametrize(("beyond", "rule"), [(False, "must keep the shape"), (True, "within the data's bounds")])
def test_a_trigger_keeps_shape_and_bounds(dataset: AmuletDataset, beyond: bool, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        Careless(beyond=beyond).attack(nn.Linear(5, 2), dataset.test)
