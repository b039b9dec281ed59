"""DP-SGD's gradients against plain autograd, one record at a time."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from amulet.core.data import Data
from amulet.core.dataset import AmuletDataset
from amulet.core.model import ModelSpec
from amulet.functional.perturbations.pgd import Classifier
from amulet.models import LinearNet, SimpleCNN
from amulet.training import DPSGD, SGD, DataUse, LogitAdjustment, Penalize, Recipe, clipped_sums
from amulet.training.clipped_sums import ClippedSum, clipped_sum_by_layer, clipped_sum_by_record, form_for
from amulet.training.loop import record_losses
from amulet.training.updates import Pace, PlainRule

Gradients = dict[str, Tensor]

NETS: dict[str, ModelSpec] = {
    "group norm": LinearNet(hidden=(8, 6), norm="group"),
    "no norm": LinearNet(hidden=(5,), norm="none"),
    "convolutions": SimpleCNN(channels=(4, 6), hidden=5, norm="group"),
}
FORMS: dict[str, ClippedSum] = {"by record": clipped_sum_by_record, "by layer": clipped_sum_by_layer}


@dataclass(frozen=True)
class LocalLinearity(Penalize):
    """A penalty that calls the model a second time, as TRADES does."""

    data_use = DataUse.RECORD
    shift: float = 0.1

    def penalize(self, model: Classifier, logits: Tensor, batch: Data) -> Tensor:
        return (model(batch.x + self.shift) - logits).square().sum(1)


@dataclass(frozen=True)
class SmallLogits(Penalize):
    """A penalty on the logits at hand."""

    data_use = DataUse.RECORD

    def penalize(self, model: Classifier, logits: Tensor, batch: Data) -> Tensor:
        del model, batch
        return 0.01 * logits.square().sum(1)


@pytest.fixture(params=list(NETS))
def case(request: pytest.FixtureRequest, double: None, images: AmuletDataset) -> tuple[Recipe, nn.Module, Data]:
    """A recipe, its model in float64 and a batch of 12 weighted records."""
    del double
    torch.manual_seed(0)
    batch = images.train[torch.arange(12)].as_inputs()
    batch = replace(batch, x=batch.x.double(), weight=torch.linspace(0.5, 2, 12))
    recipe = Recipe(NETS[request.param])
    return recipe, recipe.build(images.schema), batch


def one_at_a_time(recipe: Recipe, model: nn.Module, batch: Data) -> list[Gradients]:
    """The gradient of each record's own loss, by plain autograd."""
    losses = record_losses(recipe, batch)
    gradients = []
    for place in range(len(batch)):
        model.zero_grad(set_to_none=True)
        losses(model, batch[torch.tensor([place])]).sum().backward()
        gradients.append({name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None})
    return gradients


def norm_of(gradients: Gradients) -> float:
    return float(torch.cat([gradient.flatten() for gradient in gradients.values()]).norm())


def clipped(gradients: Gradients, bound: float) -> Gradients:
    """Abadi et al., Algorithm 1: g / max(1, |g| / bound)."""
    return {name: gradient / max(1.0, norm_of(gradients) / bound) for name, gradient in gradients.items()}


def assert_close(found: Gradients, expected: Gradients) -> None:
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("quantile", [0.0, 0.5, 1.0], ids=["all clipped", "half clipped", "none clipped"])
def test_clipped_sums_equal_one_record_at_a_time(
    case: tuple[Recipe, nn.Module, Data], form: str, quantile: float
) -> None:
    recipe, model, batch = case
    each = one_at_a_time(recipe, model, batch)
    bound = torch.tensor([norm_of(gradients) for gradients in each]).quantile(quantile).item() * (0.9 + 0.2 * quantile)
    expected = {name: torch.stack([clipped(g, bound)[name] for g in each]).sum(0) for name in each[0]}
    assert_close(FORMS[form](record_losses(recipe, batch), model, batch, bound), expected)


class Sequences(nn.Module):
    """Reads an image of 3 x 6 x 6 as a sequence of items, each through one linear layer."""

    def __init__(self, items: int, width: int) -> None:
        super().__init__()
        self.items, self.each, self.head = items, nn.Linear(108 // items, width), nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(self.each(x.reshape(len(x), self.items, -1)).tanh().mean(1))
        return scores


def convolution(channels: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> nn.Module:
    """One convolution of 3 x 6 x 6 pixels, its norm, and a head."""
    layers = (
        nn.Conv2d(3, channels, 3, stride, padding, dilation),
        nn.GroupNorm(2, channels),
        nn.Tanh(),
        nn.AdaptiveAvgPool2d(1),
    )
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels, 3))


LAYERS: dict[str, Callable[[], nn.Module]] = {
    "linear": lambda: nn.Sequential(nn.Flatten(), nn.Linear(108, 3)),
    "linear without bias": lambda: nn.Sequential(nn.Flatten(), nn.Linear(108, 3, bias=False)),
    "linear, few items": lambda: Sequences(items=3, width=20),
    "linear, many items": lambda: Sequences(items=54, width=4),
    "convolution, few positions": lambda: convolution(8, stride=3),
    "convolution, many positions": lambda: convolution(8, padding=1),
    "dilated convolution": lambda: convolution(40, dilation=2, padding=1),
    "group norm": lambda: nn.Sequential(nn.GroupNorm(1, 3), nn.Flatten(), nn.Linear(108, 3)),
    "layer norm": lambda: nn.Sequential(nn.Flatten(), nn.LayerNorm(108), nn.Linear(108, 3)),
    "convolution in groups": lambda: nn.Sequential(nn.Conv2d(3, 6, 3, groups=3), nn.Flatten(), nn.Linear(96, 3)),
    "one-dimensional convolution": lambda: nn.Sequential(nn.Flatten(2), nn.Conv1d(3, 3, 36), nn.Flatten()),
    "transposed convolution": lambda: nn.Sequential(nn.ConvTranspose2d(3, 2, 2), nn.Flatten(), nn.Linear(98, 3)),
    "parametric ReLU": lambda: nn.Sequential(nn.PReLU(3), nn.Flatten(), nn.Linear(108, 3)),
}  # fmt: skip


@pytest.mark.parametrize("layer", LAYERS)
def test_the_norm_of_each_record_is_that_of_its_own_gradient(double: None, images: AmuletDataset, layer: str) -> None:
    """Clipped below any norm, a record alone gives a sum of exactly the bound only if its norm is exact."""
    del double
    torch.manual_seed(0)
    batch = images.train[torch.arange(6)].as_inputs()
    batch, model, recipe = replace(batch, x=batch.x.double()), LAYERS[layer](), Recipe(LinearNet())
    losses, each = record_losses(recipe, batch), one_at_a_time(recipe, model, batch)
    form = form_for(losses, model, batch).clipped_sum
    for place, gradients in enumerate(each):
        alone = form(losses, model, batch[torch.tensor([place])], 1e-4)
        assert norm_of(alone) == pytest.approx(1e-4, rel=1e-9)
        assert_close(alone, clipped(gradients, 1e-4))
    expected = {name: torch.stack([clipped(g, 0.5)[name] for g in each]).sum(0) for name in each[0]}
    assert_close(form(losses, model, batch, 0.5), expected)


@pytest.mark.parametrize("layer", [name for name in LAYERS if "linear" in name or "positions" in name])
def test_common_layers_need_one_backward_pass(double: None, images: AmuletDataset, layer: str) -> None:
    del double
    torch.manual_seed(0)
    batch = images.train[torch.arange(6)].as_inputs()
    batch = replace(batch, x=batch.x.double())
    assert (
        form_for(record_losses(Recipe(LinearNet()), batch), LAYERS[layer](), batch).clipped_sum is clipped_sum_by_layer
    )


@pytest.mark.parametrize("form", FORMS)
def test_a_batch_in_parts_is_the_same_sum(
    case: tuple[Recipe, nn.Module, Data], form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, model, batch = case
    losses = record_losses(recipe, batch)
    whole = FORMS[form](losses, model, batch, 0.5)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    for records in (0.5, 1, 3):
        monkeypatch.setattr(clipped_sums, "NUMBERS_AT_ONCE", int(records * parameters))
        assert_close(FORMS[form](losses, model, batch, 0.5), whole)


@pytest.mark.parametrize("stage", [LocalLinearity(), SmallLogits()], ids=str)
def test_clipped_sums_include_penalties(case: tuple[Recipe, nn.Module, Data], stage: Penalize) -> None:
    recipe, model, batch = case
    recipe = recipe.with_stage(stage)
    losses = record_losses(recipe, batch)
    expected = [clipped(gradients, 0.5) for gradients in one_at_a_time(recipe, model, batch)]
    found = form_for(losses, model, batch).clipped_sum(losses, model, batch, 0.5)
    assert_close(found, {name: torch.stack([g[name] for g in expected]).sum(0) for name in expected[0]})


@pytest.mark.parametrize("form", FORMS)
def test_no_record_moves_the_sum_by_more_than_the_bound(case: tuple[Recipe, nn.Module, Data], form: str) -> None:
    recipe, model, batch = case
    losses = record_losses(recipe, batch)
    for place in range(len(batch)):
        one = batch[torch.tensor([place])]
        assert norm_of(FORMS[form](losses, model, one, 0.01)) <= 0.01 * (1 + 1e-9)


@pytest.mark.parametrize("stages", [(), (LocalLinearity(),)], ids=["plain", "with a penalty"])
def test_no_noise_and_no_clipping_is_the_plain_gradient(
    case: tuple[Recipe, nn.Module, Data], stages: tuple[Penalize, ...]
) -> None:
    recipe, model, batch = case
    recipe = replace(recipe, stages=stages)
    losses, pace = record_losses(recipe, batch), Pace(records=60, batch_size=len(batch), epochs=1)
    PlainRule(pace).backward(losses, model, batch)
    plain = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    DPSGD(epsilon=None, noise_multiplier=0, clip=torch.inf).begin(pace, 0, "cpu").backward(losses, model, batch)
    assert_close({name: p.grad for name, p in model.named_parameters() if p.grad is not None}, plain)


def test_no_noise_and_no_clipping_trains_to_the_plain_weights(double: None, dataset: AmuletDataset) -> None:
    """With every record in every batch, whole runs are the same."""
    del double
    data = replace(dataset.train, x=dataset.train.x.double())
    plain = Recipe(LinearNet(hidden=(6,), norm="group"), epochs=10, batch_size=len(data), optimizer=SGD(lr=0.5))
    private = plain.with_stage(DPSGD(epsilon=None, noise_multiplier=0, clip=torch.inf))
    weights = [recipe.fit(data, seed=0).model.state_dict() for recipe in (plain, private)]
    assert_close(weights[1], weights[0])


@pytest.mark.parametrize("sigma", [0.5, 2.0])
def test_the_noise_has_the_standard_deviation_of_algorithm_1(images: AmuletDataset, sigma: float) -> None:
    """On an empty batch the gradient is noise alone, of sigma * clip / expected batch size."""
    model = LinearNet(hidden=(200,), norm="none").build(images.schema)
    recipe, empty = Recipe(LinearNet()), images.train[torch.arange(0)].as_inputs()
    rule = DPSGD(epsilon=None, noise_multiplier=sigma, clip=3.0).begin(Pace(60, 10, 1), 0, "cpu")
    rule.backward(record_losses(recipe, images.train), model, empty)
    noise = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    expected, count = sigma * 3.0 / 10, len(noise)
    assert count > 20_000
    assert noise.std().item() == pytest.approx(expected, rel=5 / (2 * count) ** 0.5)
    assert abs(noise.mean().item()) < 5 * expected / count**0.5


def test_the_noise_is_fresh_in_every_step_and_the_same_for_one_seed(dataset: AmuletDataset) -> None:
    model = nn.Linear(5, 2)
    empty, recipe = dataset.train[torch.arange(0)], Recipe(LinearNet())

    def steps(seed: int) -> list[Tensor]:
        rule = DPSGD(epsilon=None, noise_multiplier=1.0).begin(Pace(200, 10, 1), seed, "cpu")
        drawn = []
        for _ in range(2):
            rule.backward(record_losses(recipe, dataset.train), model, empty)
            assert model.weight.grad is not None
            drawn.append(model.weight.grad.clone())
        return drawn

    first = steps(0)
    assert not torch.equal(first[0], first[1])
    assert all(torch.equal(a, b) for a, b in zip(first, steps(0), strict=True))
    assert not torch.equal(first[0], steps(1)[0])


class Centered(nn.Module):
    """A user's net that subtracts the batch's mean: no norm layer in it, and yet it mixes records."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(x - x.mean(0))
        return scores


class InPlace(nn.Module):
    """A user's net with an in-place activation."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(5, 4), nn.ReLU(inplace=True), nn.Linear(4, 2))

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.layers(x)
        return scores


class Tied(nn.Module):
    """A user's net that uses one layer twice."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.head = nn.Linear(5, 5), nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(self.inner(self.inner(x).tanh()).tanh())
        return scores


class Frozen(nn.Module):
    """A user's net of which one layer is not trained."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(5, 4).requires_grad_(False), nn.Linear(4, 2))

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.layers(x)
        return scores


@pytest.mark.parametrize("build", [InPlace, Tied, Frozen, lambda: nn.Sequential(nn.Linear(5, 3), nn.PReLU())])
def test_models_of_the_user_s_own_are_clipped_record_by_record(
    double: None, dataset: AmuletDataset, build: Callable[[], nn.Module]
) -> None:
    del double
    torch.manual_seed(0)
    model, batch = build(), dataset.train[torch.arange(8)]
    batch = replace(batch, x=batch.x.double())
    recipe = Recipe(LinearNet())
    expected = [clipped(gradients, 0.1) for gradients in one_at_a_time(recipe, model, batch)]
    losses = record_losses(recipe, batch)
    found = form_for(losses, model, batch).clipped_sum(losses, model, batch, 0.1)
    assert_close(found, {name: torch.stack([g[name] for g in expected]).sum(0) for name in expected[0]})


def test_a_first_batch_that_hides_an_in_place_activation_decides_nothing(double: None, dataset: AmuletDataset) -> None:
    """While every unit is active the fast form agrees with plain autograd; later it must still be right."""
    del double
    torch.manual_seed(0)
    model, batch = InPlace(), replace(dataset.train, x=dataset.train.x.double())[torch.arange(8)]
    recipe, first = Recipe(LinearNet()), model.layers[0]
    assert isinstance(first, nn.Linear)
    losses = record_losses(recipe, batch)
    nn.init.constant_(first.bias, 10.0)
    clipped_sum = form_for(losses, model, batch).clipped_sum
    nn.init.constant_(first.bias, 0.0)
    expected = [clipped(gradients, 0.1) for gradients in one_at_a_time(recipe, model, batch)]
    found = clipped_sum(losses, model, batch, 0.1)
    assert_close(found, {name: torch.stack([g[name] for g in expected]).sum(0) for name in expected[0]})


def test_a_model_that_mixes_records_gives_none_of_them_more_than_the_bound(
    double: None, dataset: AmuletDataset
) -> None:
    """Adding a record moves the clipped sum by at most the bound, or the guarantee would be void."""
    del double
    torch.manual_seed(0)
    model, bound = Centered(), 0.1
    batch = replace(dataset.train, x=dataset.train.x.double())[torch.arange(8)]
    batch.x[7] = 5.0
    losses = record_losses(Recipe(LinearNet()), batch)
    clipped_sum = form_for(losses, model, batch).clipped_sum
    with_it, without = (clipped_sum(losses, model, part, bound) for part in (batch, batch[torch.arange(7)]))
    assert norm_of({name: with_it[name] - without[name] for name in with_it}) <= bound * (1 + 1e-9)


def test_stated_class_shares_enter_the_private_gradient(double: None, dataset: AmuletDataset) -> None:
    del double
    torch.manual_seed(0)
    model, batch = nn.Linear(5, 2), replace(dataset.train, x=dataset.train.x.double())[torch.arange(8)]
    recipe = Recipe(LinearNet(), objective=LogitAdjustment(class_shares=(0.9, 0.1)))
    shift = torch.tensor([0.9, 0.1]).log()
    cross_entropy(model(batch.x) + shift, batch.y, reduction="sum").backward()
    expected = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    losses = record_losses(recipe, batch)
    assert_close(form_for(losses, model, batch).clipped_sum(losses, model, batch, torch.inf), expected)
