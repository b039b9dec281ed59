"""Watermarks: their keys, the training on them, and the claims by them."""

from dataclasses import replace

import pytest
import torch
from scipy.stats import binomtest
from torch import Tensor, nn

from amulet.core.data import Data, Modality, Schema, concatenate
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import AccessDenied, InvalidData, InvalidParameter, MissingInput
from amulet.core.records.columns import one_hot_groups
from amulet.core.records.synthetic import unlabelled
from amulet.core.threat import Access, Target, TrainedModel
from amulet.models import LinearNet
from amulet.poisoning.defenses import SpectralSignatures
from amulet.testing import TOY_RECIPE, toy_dataset
from amulet.training import DPSGD
from amulet.unauthorized_model_ownership import Owner
from amulet.unauthorized_model_ownership.defenses import Watermark, WatermarkClaim
from amulet.unauthorized_model_ownership.defenses.watermark import key_of, p_value

TABLE = Schema(
    Modality.TABULAR,
    (5,),
    ("no", "yes", "maybe"),
    features=("age", "job=none", "job=nurse", "job=smith", "hours"),
)
RECIPE = replace(TOY_RECIPE, model=LinearNet((128, 128), norm="group"), epochs=60)
MARK = Watermark(records=20, share=0.3)
DATA = toy_dataset(400)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Constant(nn.Module):
    """Predicts one class for every record."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.tensor([-1.0, 1.0]).expand(len(x), 2)


def owner(mark: Watermark = MARK, seed: int = 0) -> Owner:
    fitted = mark.train(RECIPE, DATA.train, seed=seed)
    return Owner(TrainedModel.of(fitted, DATA.train.index), DATA.train, DATA.test)


def test_a_tabular_key_is_of_valid_records() -> None:
    key = Watermark(records=50).key(TABLE, rng())
    assert one_hot_groups(TABLE) == {"job": (1, 2, 3)}
    assert key.x.min() >= TABLE.low
    assert key.x.max() <= TABLE.high
    assert (key.x[:, 1:4].sum(1) == 1).all()
    assert set(key.x[:, 1:4].unique().tolist()) == {0.0, 1.0}
    assert set(key.y.tolist()) == {0, 1, 2}
    assert (key.index < 0).all()
    assert len(key.index.unique()) == 50


def test_an_image_key_keeps_the_type_the_bounds_and_the_classes_of_the_data(images: AmuletDataset) -> None:
    bytes_ = replace(images.train, x=(images.train.x * 255).to(torch.uint8))
    prepared = Watermark(records=30).prepare(bytes_, rng())
    x, y = prepared.artifacts["x"], prepared.artifacts["y"]
    assert x.dtype == torch.uint8
    assert x.shape == (30, *images.schema.shape)
    assert (x.flatten(2).amin(2) == 0).all()
    assert (x.flatten(2).amax(2) == 255).all()
    assert y.max() < len(images.schema.classes)


@pytest.mark.parametrize(("share", "rows"), [(0.3, 137), (0.1, 36), (0.15, 56), (0.001, 20)])
def test_the_key_is_repeated_in_turn_up_to_its_share_and_at_least_once(share: float, rows: int) -> None:
    assert len(DATA.train) == 320
    prepared = Watermark(records=20, share=share).prepare(DATA.train, rng())
    added = prepared.data.index < 0
    assert int(added.sum()) == rows == max(20, round(share / (1 - share) * 320))
    counts = prepared.data.index[added].unique(return_counts=True)[1]
    assert len(counts) == 20
    assert counts.max() - counts.min() <= 1
    assert torch.equal(prepared.data.x[~added], DATA.train.x)


def test_records_of_a_key_differ_even_where_all_columns_are_categories() -> None:
    names = tuple(f"{variable}={value}" for variable in "abc" for value in "xyz")
    schema = Schema(Modality.TABULAR, (9,), ("no", "yes"), features=names)
    assert len(Watermark(records=13).key(schema, rng()).x.unique(dim=0)) == 13
    [problem] = Watermark(records=14).data_problems(schema, 500)
    assert "'records' of Watermark must be at most 13, half of the 27 different records" in problem.sentence
    assert not list(Watermark(records=10**6).data_problems(TABLE, 500))


def test_every_seed_has_another_key_and_one_seed_the_same() -> None:
    keys = [owner(seed=seed).model.artifacts["Watermark"]["x"] for seed in (0, 1, 0)]
    assert not torch.equal(keys[0], keys[1])
    assert torch.equal(keys[0], keys[2])


def test_a_marked_model_is_recognised_and_others_are_not() -> None:
    mine = owner()
    assert WatermarkClaim().claim(mine.model.model, mine) < 1e-3
    assert MARK.claim(mine.model.model, mine) == WatermarkClaim().claim(mine.model.model, mine)
    assert WatermarkClaim().claim(RECIPE.fit(DATA.train, seed=5).model, mine) > 0.01
    assert WatermarkClaim().claim(Constant(), mine) > 0.4


def test_unmarked_models_are_claimed_no_more_often_than_the_level_allows() -> None:
    models = [RECIPE.fit(DATA.train, seed=seed).model for seed in range(2)]
    for model in [*models, Constant()]:
        found = torch.tensor([_p_of_a_fresh_key(model, seed) for seed in range(200)])
        for level in (0.01, 0.05, 0.2, 0.5):
            margin = 3 * (level * (1 - level) / 200) ** 0.5
            assert (found <= level).double().mean() <= level + margin


def _p_of_a_fresh_key(model: nn.Module, seed: int) -> float:
    key = Watermark(records=100).key(DATA.schema, rng(seed))
    holder = TrainedModel(model, DATA.train.index, {"Watermark": {"x": key.x, "y": key.y}})
    return WatermarkClaim().claim(model, Owner(holder, DATA.train, DATA.test))


@pytest.mark.parametrize("seed", range(5))
def test_the_p_value_is_scipy_s(seed: int) -> None:
    labels, predicted = (torch.randint(3, (40,), generator=rng(10 * seed + each)) for each in range(2))
    chance = sum((labels == c).double().mean().item() * (predicted == c).double().mean().item() for c in range(3))
    expected = binomtest(int((labels == predicted).sum()), 40, chance, alternative="greater").pvalue
    assert p_value(predicted, labels, 3) == pytest.approx(expected)


def test_a_model_without_a_watermark_has_nothing_to_claim_by() -> None:
    plain = TrainedModel.of(RECIPE.fit(DATA.train, seed=0), DATA.train.index)
    with pytest.raises(MissingInput, match="WatermarkClaim cannot be claimed: the model has no watermark"):
        WatermarkClaim().claim(Constant(), Owner(plain, DATA.train, DATA.test))


def test_a_claim_asks_for_labels_alone() -> None:
    test = WatermarkClaim().test(owner())
    assert callable(test)
    with pytest.raises(AccessDenied):
        test(Target(Constant(), Access.EXPLANATIONS))


ZEROS, RANDOM = torch.zeros(20, dtype=torch.int64), torch.rand(20, 6, generator=rng())


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        (torch.zeros(20, 7), ZEROS, r"'x' of a watermark's key must be of records of shape \(6,\). Got \(7,\)"),
        (RANDOM, ZEROS + 2, "of 20 class codes 0..1. Got 'codes 2..2'"),
        (RANDOM, ZEROS - 1, "of 20 class codes 0..1. Got 'codes -1..-1'"),
        (RANDOM, ZEROS[1:], "of 20 class codes. Got 'torch.int64 of shape"),
        (RANDOM, ZEROS.float(), "of 20 class codes. Got 'torch.float32"),
        (RANDOM, ZEROS[:, None], "of 20 class codes"),
        (RANDOM[:0], ZEROS[:0], "at least one record"),
        (RANDOM[:1].expand(20, 6), ZEROS, "records that differ, .* Got '20 records, 1 of them different'"),
        (RANDOM + 1, ZEROS, "within its bounds"),
        (RANDOM * torch.nan, ZEROS, "finite"),
        (RANDOM.numpy(), ZEROS, "must be a tensor. Got 'ndarray'"),
        (RANDOM, None, "'y' of a watermark's key must be a tensor. Got 'NoneType'"),
    ],
)
def test_a_key_that_is_none_of_this_task_is_refused_in_one_sentence(x: Tensor, y: Tensor, said: str) -> None:
    with pytest.raises(InvalidData, match=said):
        key_of({"Watermark": {"x": x, "y": y}}, DATA.train)


def test_a_key_that_was_saved_in_another_precision_is_read_in_that_of_the_records() -> None:
    mine = owner()
    x, y = mine.model.artifacts["Watermark"]["x"], mine.model.artifacts["Watermark"]["y"]
    kept = key_of({"Watermark": {"x": x.double(), "y": y.int()}}, DATA.train)
    assert kept is not None
    assert torch.equal(kept.x, x)
    assert torch.equal(kept.y, y)


def test_an_owner_must_hold_a_trained_model_and_records_of_one_kind() -> None:
    mine = owner()
    with pytest.raises(InvalidParameter, match=r"'model' of Owner must be a TrainedModel, .* Got 'Constant'"):
        WatermarkClaim().claim(Constant(), replace(mine, model=Constant()))  # type: ignore[arg-type]
    other = unlabelled(torch.zeros(9, 5), TABLE)
    with pytest.raises(InvalidData, match=r"'held_out' of Owner must be of records of shape \(6,\) with 2 classes"):
        WatermarkClaim().claim(Constant(), replace(mine, held_out=other))


def test_a_suspect_with_other_classes_is_refused() -> None:
    with pytest.raises(InvalidParameter, match=r"logits of shape \(n, 2\)"):
        WatermarkClaim().claim(nn.Sequential(nn.Flatten(), nn.Linear(6, 3)), owner())


def test_a_key_of_few_records_or_nearly_all_of_the_training_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="'records' of Watermark must be at least 10"):
        Watermark(records=9)
    with pytest.raises(InvalidParameter, match=r"'share' of Watermark must be at most 0\.9"):
        Watermark(share=0.99)


def test_the_key_belongs_to_no_group_and_is_learned_as_its_class() -> None:
    soft = replace(DATA.train, targets=torch.full((len(DATA.train), 2), 0.5))
    prepared = MARK.prepare(soft, rng()).data
    added = prepared.index < 0
    assert prepared.targets is not None
    assert torch.equal(prepared.targets[added].argmax(1), prepared.y[added])
    assert (prepared.z[added] == -1).all()


def test_it_goes_with_differential_privacy_and_a_removal_of_the_key_is_seen() -> None:
    private = DPSGD(epsilon=8.0, delta=1e-4).apply(MARK.apply(TOY_RECIPE)).fit(DATA.train, seed=0)
    assert private.artifacts["Watermark"]["x"].shape == (20, 6)
    both = SpectralSignatures(percent=20).apply(MARK.apply(TOY_RECIPE)).fit(DATA.train, seed=0)
    assert (both.artifacts["SpectralSignatures"]["removed"] < 0).any()


def test_synthetic_records_join_those_of_the_data() -> None:
    joined: Data = concatenate(DATA.train, unlabelled(torch.zeros(3, 6), DATA.schema))
    assert joined.index[-3:].tolist() == [-1, -2, -3]
