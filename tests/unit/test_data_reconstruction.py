"""Reconstructions, what they are compared with, and what is flagged."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from amulet import training
from amulet.core.data import Modality, Schema
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidParameter
from amulet.core.metric import Metric, Undefined
from amulet.core.records.synthetic import as_records
from amulet.core.split import Split
from amulet.core.threat import Access, Adversary
from amulet.data_reconstruction import ReconstructionAttack, ReconstructionOutcome, metrics, side_by_side
from amulet.data_reconstruction.attacks import ModelInversion, RegularizedInversion
from amulet.data_reconstruction.defenses import DPSGD
from amulet.data_reconstruction.outcome import TRIVIAL
from amulet.datasets import from_arrays
from amulet.experiments import Experiment, assess, game_for
from amulet.experiments.registry.plugins import find, plugins
from amulet.functional.inversion import inverted
from amulet.models import LinearNet
from amulet.statistics import Gate
from amulet.testing import TOY_RECIPE, toy_dataset
from amulet.training import Adam, Recipe


@dataclass(frozen=True)
class Constant(ReconstructionAttack):
    """Says the same number of every input of every class."""

    needs = Access.LABELS
    value: float = 0.5

    def reconstruct(self, adversary: Adversary) -> Tensor:
        schema = adversary.schema
        return torch.full((len(schema.classes), *schema.shape), self.value)


@pytest.fixture(scope="module")
def stripes() -> AmuletDataset:
    """8 x 8 images of three classes, of which each has a bright band of its own, with noise."""
    rng = np.random.default_rng(0)
    y = np.arange(240) % 3
    x = 0.1 * rng.random((240, 1, 8, 8))
    for label in range(3):
        x[y == label, :, 3 * label : 3 * label + 2] += 0.7
    x = x.astype(np.float32)
    return from_arrays((x[:180], y[:180]), (x[180:], y[180:]), bounds=(0.0, 1.0), name="stripes")


LEARNS = Recipe(LinearNet((16,), norm="group"), epochs=20, batch_size=16, optimizer=Adam(lr=0.01))


def names(metric: Metric[ReconstructionOutcome]) -> str:
    return str(metric)


def test_a_reconstruction_is_compared_with_the_members_of_its_class(stripes: AmuletDataset) -> None:
    game = game_for(Constant(), LEARNS, stripes, Split())
    found = Constant().play(game)
    members = game.members
    for row, label in enumerate(found.labels.tolist()):
        own = members.x[members.y == label]
        assert torch.allclose(found.means[row], own.mean(0), atol=1e-6)
        nearest = own[(own - 0.5).square().flatten(1).sum(1).argmin()]
        assert torch.equal(found.nearest[row], nearest)
        assert torch.equal(found.nearest_to_guesses[row, 1], nearest)  # mid-grey
    assert torch.allclose(found.guesses[2], members.x.mean(0), atol=1e-6)


def test_the_guesses_are_worth_what_an_attack_is_worth_that_makes_them(stripes: AmuletDataset) -> None:
    data, model = stripes.train, nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    for guess, value in zip(TRIVIAL, (0.0, 0.5), strict=True):
        found = Constant(value).attack(model, data)
        assert metrics.mse(found) == metrics.GuessedMSE(guess)(found)
        assert metrics.ssim(found) == metrics.GuessedSSIM(guess)(found)
        assert metrics.nearest_mse(found) == metrics.GuessedMSE(guess, "for nearest records")(found)
        assert metrics.nearest_ssim(found) == metrics.GuessedSSIM(guess, "for nearest records")(found)
    by_guess = [metrics.GuessedMSE(guess)(found) for guess in TRIVIAL]
    assert metrics.trivial_mse(found) == min(by_guess)  # type: ignore[type-var]


def test_every_guess_stands_beside_the_attack() -> None:
    assert len(set(map(names, ModelInversion().own_metrics()))) == 2 * 2 * 3


def test_errors_are_shares_of_the_squared_range() -> None:
    """The same images with bounds of bytes, as with bounds of 0 and 1."""
    rng = np.random.default_rng(0)
    x, y = rng.random((40, 1, 8, 8)).astype(np.float32), np.arange(40) % 2
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    ones, bytes_ = (
        Constant(0.25 * high).attack(
            model, from_arrays((high * x, y), (high * x, y), bounds=(0.0, high), name="noise").train
        )
        for high in (1.0, 255.0)
    )
    for metric in (metrics.mse, metrics.nearest_mse, metrics.ssim, metrics.trivial_mse, metrics.trivial_ssim):
        assert metric(ones) == pytest.approx(metric(bytes_), abs=1e-6)


def test_bands_are_found(stripes: AmuletDataset) -> None:
    attack = ModelInversion()
    found = attack.play(game_for(attack, LEARNS, stripes, Split()))
    assert metrics.mse(found) < metrics.trivial_mse(found) - 0.01  # type: ignore[operator]
    brightest = found.reconstructions.mean((1, 3)).argmax(1)
    assert all(3 * label <= row < 3 * label + 2 for label, row in enumerate(brightest.tolist()))


def test_a_confident_model_is_inverted_as_well(stripes: AmuletDataset) -> None:
    """With logits a thousand times as large, softmax has no gradient left. The reconstruction stays the same."""
    plain = LEARNS.fit(stripes.train, seed=0).model
    confident = nn.Sequential(plain, Times(1000.0))
    zeros = torch.zeros(3, 1, 8, 8, requires_grad=True)
    confident(zeros).softmax(1)[:, 0].sum().backward()
    assert zeros.grad is not None
    assert not zeros.grad.any()
    found, scaled = (ModelInversion().attack(model, stripes.train) for model in (plain, confident))
    assert metrics.mse(scaled) == pytest.approx(metrics.mse(found), abs=0.01)


class Times(nn.Module):
    """Logits as large as a number says."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, logits: Tensor) -> Tensor:
        return self.factor * logits


def test_classes_together_are_classes_one_by_one(stripes: AmuletDataset) -> None:
    model = LEARNS.fit(stripes.train, seed=0).model.eval()
    y, start = torch.arange(3), torch.zeros(3, 1, 8, 8)
    settings = {"steps": 20, "step_size": 0.1, "bounds": (0.0, 1.0)}
    together = inverted(model, y, start, **settings)  # type: ignore[arg-type]
    alone = [inverted(model, y[[label]], start[[label]], **settings) for label in range(3)]  # type: ignore[arg-type]
    assert torch.allclose(together, torch.cat(alone), atol=1e-4)


def test_tabular_records_end_with_one_value_in_each_group() -> None:
    rng = np.random.default_rng(0)
    job, y = rng.integers(3, size=200), np.arange(200) % 2
    x = np.concatenate([rng.random((200, 1)), np.eye(3)[np.where(y == 1, 2, job % 2)]], 1).astype(np.float32)
    features = ("age", "job=none", "job=cook", "job=nurse")
    data = from_arrays((x[:150], y[:150]), (x[150:], y[150:]), features=features, bounds=(0.0, 1.0), name="jobs")
    found = ModelInversion().play(game_for(ModelInversion(), LEARNS, data, Split()))
    for records in (found.reconstructions, found.means, found.guesses[2:]):
        assert (records[:, 1:].sort(1).values == torch.tensor([0.0, 0.0, 1.0])).all()
    assert found.reconstructions[1, 3] == 1  # a nurse, as all of this class
    assert isinstance(metrics.ssim(found), Undefined)
    assert isinstance(metrics.mse(found), float)


def test_a_group_takes_its_largest_value() -> None:
    schema = Schema(Modality.TABULAR, (3,), ("no", "yes"), features=("age", "job=none", "job=nurse"))
    x = torch.tensor([[2.0, 0.4, 0.4], [-1.0, 0.0, 0.1]])
    assert as_records(x, schema).tolist() == [[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    assert x[0, 0] == 2.0


def test_images_smaller_than_a_window_have_no_similarity(images: AmuletDataset) -> None:
    found = Constant().attack(nn.Sequential(nn.Flatten(), nn.Linear(108, 3)), images.train)
    assert metrics.ssim(found) == metrics.trivial_ssim(found)
    assert "7 x 7" in str(metrics.ssim(found))


def test_classes_without_members_are_left_out(stripes: AmuletDataset) -> None:
    some = stripes.train[stripes.train.y != 1]
    assert Constant().attack(nn.Sequential(nn.Flatten(), nn.Linear(64, 3)), some).labels.tolist() == [0, 2]


@pytest.mark.parametrize(("value", "sentence"), [(1.5, "bounds"), (-0.5, "bounds"), (float("nan"), "gave NaN")])
def test_a_reconstruction_stays_within_the_bounds(stripes: AmuletDataset, value: float, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Constant(value).attack(nn.Sequential(nn.Flatten(), nn.Linear(64, 3)), stripes.train)


def test_a_model_without_gradients_is_refused() -> None:
    class Rounded(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x[:, :2].round()

    (sentence,) = ModelInversion().model_demands("target", Rounded(), toy_dataset().train[torch.arange(4)])
    assert "needs the gradient" in sentence


@pytest.mark.parametrize("detached", [torch.sign, torch.detach])
def test_a_model_without_gradients_is_refused_in_a_script_too(
    detached: Callable[[Tensor], Tensor], stripes: AmuletDataset
) -> None:
    class Behind(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Linear(64, 3)

        def forward(self, x: Tensor) -> Tensor:
            logits: Tensor = self.last(detached(x.flatten(1)))
            return logits

    with pytest.raises(InvalidParameter, match="ModelInversion needs the gradient of the model's outputs"):
        ModelInversion().attack(Behind(), stripes.train)


def test_a_gradient_that_is_infinite_at_the_start_is_told(stripes: AmuletDataset) -> None:
    class Root(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Linear(64, 3)

        def forward(self, x: Tensor) -> Tensor:
            logits: Tensor = self.last(x.flatten(1).sqrt())
            return logits

    data = replace(stripes.train, x=stripes.train.x.clamp_min(0.01))
    with pytest.raises(ValueError, match="the gradient of a model is not finite at the start"):
        ModelInversion(steps=2).attack(Root(), data)


@pytest.mark.parametrize("shape", [(1, 1, 5), (2, 9, 8), (5, 3, 12)])
def test_images_of_any_shape_are_reconstructed(shape: tuple[int, ...]) -> None:
    x, y = np.random.default_rng(0).random((40, *shape)).astype(np.float32), np.arange(40) % 2
    data = from_arrays(x, y, bounds=(-1.0, 1.0), name="odd").train
    for attack in (ModelInversion(steps=2, denoise_every=1), RegularizedInversion(steps=2, denoise_every=1)):
        found = attack.attack(LinearNet((4,)).build(data.schema), data)
        assert found.reconstructions.shape == (2, *shape)


@pytest.mark.parametrize(("attack", "expected"), [(ModelInversion(), Gate.PASSED), (Constant(0.0), Gate.FAILED)])
def test_an_inversion_that_does_not_beat_trivial_guesses_fails(
    stripes: AmuletDataset, attack: ReconstructionAttack, expected: Gate, tmp_path: Path
) -> None:
    experiment = Experiment("stripes", None, LEARNS, (), (attack,), seeds=3)
    found = assess(experiment, dataset=stripes, store=tmp_path, workers=1)
    assert next(gate.state for gate in found.gates if gate.name == "attack") is expected


def test_dp_sgd_is_a_defense_of_this_risk() -> None:
    assert DPSGD is training.DPSGD
    assert DPSGD().risks == ("membership_inference", "data_reconstruction")


def test_the_home_of_dp_sgd_is_the_risk_that_it_is_made_for_first() -> None:
    (plugin,) = (plugin for plugin in plugins() if plugin.spec is DPSGD)
    assert plugin.home == "amulet.membership_inference.defenses"
    for name in ("DPSGD", "membership_inference.DPSGD", "amulet.data_reconstruction.defenses.DPSGD"):
        assert find(name) is DPSGD


def test_a_tensor_of_another_shape_is_refused() -> None:
    attack, game = ModelInversion(steps=1), game_for(ModelInversion(), TOY_RECIPE, toy_dataset(), Split())
    found = attack.play(game)
    with pytest.raises(ValueError, match="one shape"):
        replace(found, guesses=found.guesses[:, :2])


def test_a_picture_has_class_means_above_the_reconstructions_of_each_model(stripes: AmuletDataset) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    dark, bright = (Constant(value).attack(model, stripes.train) for value in (0.0, 1.0))
    picture = side_by_side([dark, bright])
    assert picture.shape == (2 + 3 * (8 + 2), 2 + 3 * (8 + 2), 3)
    assert (picture[:2] == 255).all()
    assert (picture[12:20, 2:10] == 0).all()
    assert (picture[22:30, 2:10] == 255).all()
    expected = (dark.means[1, 0] * 255).round().to(torch.uint8)
    assert torch.equal(picture[2:10, 12:20, 1], expected)


def test_a_picture_is_of_images_of_the_same_records(stripes: AmuletDataset) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    found, other = (Constant().attack(model, data) for data in (stripes.train, stripes.test))
    with pytest.raises(ValueError, match="same training records"):
        side_by_side([found, other])
    with pytest.raises(ValueError, match="1 or 3 channels"):
        side_by_side([Constant().attack(nn.Linear(6, 2), toy_dataset().train)])
