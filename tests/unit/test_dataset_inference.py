"""Dataset inference: settings, access, too few records, models that need attributes or have no gradients."""

from dataclasses import replace

import pytest
import torch
from torch import Generator, Tensor, nn

from amulet.core.data import Attribute, Data, Modality, Schema
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import AccessDenied, InvalidParameter, MissingInput
from amulet.core.metric import Undefined
from amulet.core.model import AttributeModel
from amulet.core.split import Split
from amulet.core.threat import Access, TrainedModel, opened
from amulet.unauthorized_model_ownership.claims import Owner
from amulet.unauthorized_model_ownership.defenses.dataset_inference import DatasetInference

SCHEMA = Schema(Modality.TABULAR, (6,), ("no", "yes"), (Attribute("sex", ("f", "m")),))


def records(count: int, seed: int) -> Data:
    rng = Generator().manual_seed(seed)
    x = torch.rand(count, 6, generator=rng)
    z = torch.randint(2, (count, 1), generator=rng)
    return Data(x, (x[:, 0] > 0.5).long(), z, torch.arange(count) + 1000 * seed, SCHEMA)


class Thresholds(AttributeModel):
    """Another bias for each group."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(6, 2)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        logits: Tensor = self.inner(x)
        return logits + 3 * z.float()


class Rounded(nn.Module):
    """Its gradient is zero everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.inner(x.round())
        return logits


def owner_of(model: nn.Module, count: int = 40) -> Owner:
    held = records(count, 1)
    return Owner(TrainedModel(model, held.index), held, records(count, 2))


def linear() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(6, 2)


def test_the_access_follows_from_the_walk() -> None:
    assert DatasetInference().needs == Access.WEIGHTS
    assert DatasetInference(walk="blind").needs == Access.LABELS


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"records": 3}, "The 'records' of DatasetInference must be at least 4. Got 3."),
        ({"steps": 0}, "The 'steps' of DatasetInference must be at least 1. Got 0."),
        ({"walk": "random"}, "The 'walk' of DatasetInference must be 'gradient' or 'blind'. Got 'random'."),
        ({"reach": 2.0}, "The 'reach' of DatasetInference must be left at 1 with walk: gradient"),
        ({"walk": "blind", "classes": 3}, "The 'classes' of DatasetInference must be left at 2 with walk: blind"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        DatasetInference(**settings)  # type: ignore[arg-type]
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize("walk", ["gradient", "blind"])
def test_it_uses_the_access_that_it_declares_and_no_more(walk: str) -> None:
    claim, owner = DatasetInference(records=20, walk=walk), owner_of(linear())  # type: ignore[arg-type]
    test = claim.test(owner)
    assert not isinstance(test, Undefined)
    with opened(linear(), claim.needs) as target:
        p = test(target)
        assert 0 <= p <= 1
        assert test(target) == p
    less = Access.LOGITS if walk == "gradient" else Access.CLAIMS
    with opened(linear(), less) as target, pytest.raises(AccessDenied):
        test(target)


def test_equal_seeds_give_equal_p_values_and_models_stay_as_they_are() -> None:
    model = linear()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    owner = owner_of(model)
    for walk in ("gradient", "blind"):
        claim = DatasetInference(records=20, walk=walk)
        assert claim.claim(model, owner) == claim.claim(model, owner)
    assert DatasetInference(records=20).claim(model, replace(owner, seed=1)) != claim.claim(model, owner)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert model.training


@pytest.mark.parametrize("walk", ["gradient", "blind"])
def test_a_model_that_needs_attributes_is_given_them(walk: str) -> None:
    torch.manual_seed(0)
    model = Thresholds()
    assert 0 <= DatasetInference(records=20, walk=walk).claim(model, owner_of(model)) <= 1  # type: ignore[arg-type]


def test_the_distances_of_a_model_that_needs_attributes_are_those_of_each_group() -> None:
    torch.manual_seed(0)
    model, data, claim = Thresholds(), records(10, 3), DatasetInference(records=4)
    plain = nn.Linear(6, 2)
    plain.load_state_dict(model.inner.state_dict())
    with opened(model, Access.WEIGHTS) as target, opened(plain, Access.WEIGHTS) as same:
        assert torch.allclose(claim._distances(target, data), claim._distances(same, data), atol=1e-5)


def test_too_few_records_are_told() -> None:
    claim = DatasetInference(records=50)
    expected = (
        "DatasetInference(records=50) draws 50 training records of the owner, and there are 40; choose smaller "
        "'records'. DatasetInference(records=50) draws 50 held-out (validation) records, and there are 40; choose "
        "smaller 'records'"
    )
    found = claim.test(owner_of(linear()))
    assert found == Undefined(expected)
    with pytest.raises(MissingInput, match="cannot be claimed"):
        claim.claim(linear(), owner_of(linear()))
    dataset = AmuletDataset("few", records(200, 1), records(10, 2))
    [sentence] = claim.data_demands(dataset, Split())
    assert sentence.startswith("DatasetInference(records=50) draws 50 held-out (validation) records, and there are 20;")
    assert list(DatasetInference(records=20).data_demands(dataset, Split())) == []


def test_a_suspect_without_gradients_is_refused_by_name_and_walked_blindly() -> None:
    torch.manual_seed(0)
    suspect, owner = Rounded(), owner_of(linear())
    with pytest.raises(InvalidParameter, match=r"Rounded is of no use: it is zero everywhere.*walk: blind"):
        DatasetInference(records=20).claim(suspect, owner)
    assert 0 <= DatasetInference(records=20, walk="blind").claim(suspect, owner) <= 1


def test_a_suspect_of_other_classes_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="must be a map to logits of shape"):
        DatasetInference(records=20).claim(nn.Linear(6, 3), owner_of(linear()))


def test_a_suspect_that_never_changes_its_mind_is_no_evidence() -> None:
    constant = nn.Linear(6, 2)
    nn.init.zeros_(constant.weight)
    owner = owner_of(linear())
    same = replace(owner, records=replace(owner.records, y=torch.zeros(40).long()))
    same = replace(same, held_out=replace(owner.held_out, y=torch.zeros(40).long()))
    with torch.no_grad():
        constant.bias.copy_(torch.tensor([2.0, -1.0]))
    assert DatasetInference(records=20, walk="blind").claim(constant, same) == 1
