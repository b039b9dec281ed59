"""Models made from models, against torch's own pruning and quantisation, and against training by hand."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from amulet.core.data import Modality, Schema
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import AccessDenied, InvalidParameter
from amulet.core.fitted import Fitted
from amulet.core.model import predict
from amulet.core.records.synthetic import unlabelled
from amulet.core.roles import Derivation
from amulet.core.threat import Access, opened
from amulet.derivations import Distillation, Extraction, FineTuning, Pruning, Quantization
from amulet.derivations.distillation import SoftenedCrossEntropy
from amulet.derivations.extraction import SquaredLogitError
from amulet.derivations.quantization import rounded
from amulet.models import GivenModel, SimpleCNN
from amulet.training import Adam, Recipe, TrainingFunction

TABLE = Schema(Modality.TABULAR, (2,), ("a", "b", "c", "d"))


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return Recipe(SimpleCNN(channels=(4,), hidden=6, norm="none"), epochs=2, batch_size=20, optimizer=Adam(lr=0.01))


@pytest.fixture(scope="module")
def parent(recipe: Recipe, images: AmuletDataset) -> nn.Module:
    return recipe.fit(images.train, seed=0).model


def derived(method: Derivation, parent: nn.Module, recipe: Recipe, data: AmuletDataset) -> Fitted:
    with opened(parent, method.needs) as target:
        return method.derive(target, recipe, data.train, seed=3)


def test_pruning_is_that_of_torch(parent: nn.Module, recipe: Recipe, images: AmuletDataset) -> None:
    fitted, expected = derived(Pruning(0.3), parent, recipe, images), copy.deepcopy(parent)
    layers = [(module, "weight") for module in expected.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    prune.global_unstructured(layers, pruning_method=prune.L1Unstructured, amount=0.3)
    for module, name in layers:
        prune.remove(module, name)
    assert_same(fitted.model, expected)
    zeros = sum(int((p == 0).sum()) for p in fitted.model.parameters() if p.dim() > 1)
    assert fitted.facts["pruned"] == zeros


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_rounding_is_torch_s_affine_quantisation(bits: int) -> None:
    weights = torch.randn(20, 30, generator=torch.Generator().manual_seed(0))
    low, high, levels = weights.min().item(), weights.max().item(), 2**bits - 1
    scale = (high - low) / levels
    zero = round(-low / scale)
    expected = torch.fake_quantize_per_tensor_affine(weights, scale, zero, 0, levels)
    assert torch.allclose(rounded(weights, bits), expected, atol=1e-6)
    assert len(rounded(weights, bits).unique()) <= 2**bits
    assert (rounded(weights, bits) == 0).any()


def test_weights_that_are_all_zero_stay_so() -> None:
    assert torch.equal(rounded(torch.zeros(3, 4), 8), torch.zeros(3, 4))


def test_eight_bits_change_little_and_two_much(parent: nn.Module, recipe: Recipe, images: AmuletDataset) -> None:
    fine, coarse = (derived(Quantization(bits), parent, recipe, images).model for bits in (8, 2))
    before = predict(parent, images.test.x)
    gaps = [(predict(model, images.test.x) - before).abs().max().item() for model in (fine, coarse)]
    assert gaps[0] < 0.1 * gaps[1]


STUDENT = SimpleCNN(channels=(3,), hidden=5, norm="none")


def test_an_extracted_model_has_learned_the_parent_s_labels(parent: nn.Module, images: AmuletDataset) -> None:
    other = Recipe(STUDENT, epochs=3)
    labels = predict(parent, images.train.x).argmax(1)
    by_hand = other.fit(replace(images.train, y=labels), seed=3).model
    assert_same(derived(Extraction("labels"), parent, other, images).model, by_hand)


def test_an_extracted_model_has_learned_the_parent_s_probabilities(parent: nn.Module, images: AmuletDataset) -> None:
    other = Recipe(STUDENT, epochs=3)
    targets = predict(parent, images.train.x).double().softmax(1)
    by_hand = other.fit(replace(images.train, targets=targets), seed=3).model
    fitted = derived(Extraction("probabilities"), parent, other, images).model
    assert torch.allclose(predict(fitted, images.test.x), predict(by_hand, images.test.x), atol=1e-4)


def test_logits_are_learned_by_the_squared_error_between_them() -> None:
    rng = torch.Generator().manual_seed(0)
    logits, answers = 5 * torch.randn(2, 7, 4, generator=rng, dtype=torch.float64)
    centred = [each - each.mean(1, keepdim=True) for each in (logits, answers)]
    expected = (centred[0] - centred[1]).square().sum(1) / 2
    batch = replace(unlabelled(torch.zeros(7, 2), TABLE), targets=answers.softmax(1))
    assert torch.allclose(SquaredLogitError().losses(logits, batch), expected)


def test_a_model_learns_the_parent_s_logits(parent: nn.Module, images: AmuletDataset) -> None:
    linear = nn.Sequential(nn.Flatten(), nn.Linear(108, 3))
    recipe = Recipe(GivenModel.of(nn.Sequential(nn.Flatten(), nn.Linear(108, 3))), epochs=300, optimizer=Adam(lr=0.02))
    fitted = derived(Extraction("logits"), linear, recipe, images).model
    expected, found = (predict(model, images.train.x) for model in (linear, fitted))
    gap = (found - found.mean(1, keepdim=True)) - (expected - expected.mean(1, keepdim=True))
    assert gap.abs().max() < 0.02
    del parent


def test_a_budget_of_queries_is_kept(parent: nn.Module, recipe: Recipe, images: AmuletDataset) -> None:
    assert derived(Extraction(queries=50), parent, recipe, images).facts["records"] == 50
    with opened(parent, Access.PROBABILITIES) as target, pytest.raises(InvalidParameter, match="'queries' of Extract"):
        Extraction(queries=10**6).derive(target, recipe, images.train, seed=0)


def test_distillation_is_the_gradient_of_hinton_s_loss() -> None:
    rng, temperature = torch.Generator().manual_seed(0), 3.0
    logits, teacher = torch.randn(2, 7, 4, generator=rng, dtype=torch.float64)
    student = logits.clone().requires_grad_()
    batch = replace(unlabelled(torch.zeros(7, 2), TABLE), targets=(teacher / temperature).softmax(1))
    SoftenedCrossEntropy(temperature).losses(student, batch).sum().backward()
    expected = temperature * (
        (logits / temperature).softmax(1) - (teacher / temperature).softmax(1)
    )  # eq. 2, times T^2
    assert student.grad is not None
    assert torch.allclose(student.grad, expected)


def test_a_distilled_model_may_be_of_another_architecture(
    parent: nn.Module, recipe: Recipe, images: AmuletDataset
) -> None:
    student = derived(Distillation(model=STUDENT), parent, recipe, images).model
    assert [p.shape for p in student.parameters()] == [p.shape for p in STUDENT.build(images.schema).parameters()]


@pytest.mark.parametrize("method", [Extraction(), Extraction("logits"), Distillation()], ids=str)
def test_a_training_function_can_learn_labels_alone(
    method: Derivation, parent: nn.Module, images: AmuletDataset
) -> None:
    own = TrainingFunction("amulet.testing:toy_dataset", SimpleCNN())
    with opened(parent, Access.WEIGHTS) as target, pytest.raises(InvalidParameter, match="must be"):
        method.derive(target, own, images.train, seed=0)


def test_a_fine_tuned_model_starts_from_the_parent(parent: nn.Module, recipe: Recipe, images: AmuletDataset) -> None:
    by_hand = replace(recipe, model=GivenModel.of(parent)).fit(images.train, seed=3).model
    assert_same(derived(FineTuning(), parent, recipe, images).model, by_hand)


def test_fine_tuning_needs_a_recipe_of_amulet_s_loop(parent: nn.Module, images: AmuletDataset) -> None:
    own = TrainingFunction("amulet.testing:toy_dataset", SimpleCNN())
    with opened(parent, FineTuning().needs) as target, pytest.raises(InvalidParameter, match="must be a Recipe"):
        FineTuning().derive(target, own, images.train, seed=0)


def test_whoever_makes_a_model_sees_no_more_than_it_declares(
    parent: nn.Module, recipe: Recipe, images: AmuletDataset
) -> None:
    with opened(parent, Extraction().needs) as target, pytest.raises(AccessDenied, match="asked for weights"):
        Pruning().derive(target, recipe, images.train, seed=0)


def assert_same(one: nn.Module, other: nn.Module) -> None:
    expected = other.state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in one.state_dict().items())
