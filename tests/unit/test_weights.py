"""Weights in files: what is read is what was written, defended models included, and a misfit is one sentence."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Generator, Tensor, nn

from amulet.core.data import Data
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import AmuletError
from amulet.core.held import Held
from amulet.models import VGG, LinearNet, ResNet, SimpleCNN, load_weights, save_weights
from amulet.models.weights import Unreadable
from amulet.training import DataUse, Finish, Recipe


class Scaled(nn.Module):
    """A model whose logits are divided by a temperature that a buffer holds."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.temperature: Tensor
        self.register_buffer("temperature", torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.model(x) / self.temperature
        return logits


@dataclass(frozen=True)
class Temperature(Finish):
    """Wraps the model."""

    data_use = DataUse.NONE
    degrees: float = 2.0

    def wrap(self, model: nn.Module) -> nn.Module:
        return Scaled(model)

    def finish(self, model: nn.Module, data: Data, held: Held, rng: Generator) -> Mapping[str, Tensor]:
        del data, held, rng
        model.get_buffer("temperature").fill_(self.degrees)
        return {}


@pytest.mark.parametrize("norm", ["batch", "group", "none"])
def test_a_trained_model_comes_back(norm: str, images: AmuletDataset, tmp_path: Path) -> None:
    recipe = Recipe(SimpleCNN((4,), 8, norm=norm), epochs=2)  # type: ignore[arg-type]
    trained = recipe.fit(images.train, seed=0).model
    save_weights(trained, tmp_path / "there" / "net.safetensors")
    model = recipe.build(images.schema)
    load_weights(model, tmp_path / "there" / "net.safetensors")
    x = images.test.as_inputs().x
    assert torch.equal(model.eval()(x), trained(x))
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["net.safetensors"]


@pytest.mark.parametrize("spec", [VGG(), ResNet()], ids=str)
def test_batch_norm_s_statistics_come_back(spec: VGG | ResNet, images: AmuletDataset, tmp_path: Path) -> None:
    model, other = (spec.build(images.schema) for _ in range(2))
    model(images.train.as_inputs().x)  # in training mode, which moves the statistics
    save_weights(model, tmp_path / "net")
    load_weights(other, tmp_path / "net")
    state = model.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in other.state_dict().items())


def test_a_defended_model_comes_back_into_its_recipe_s_structure(images: AmuletDataset, tmp_path: Path) -> None:
    recipe = Temperature().apply(Recipe(SimpleCNN((4,), 8), epochs=1))
    defended = recipe.fit(images.train, seed=0).model
    save_weights(defended, tmp_path / "net")
    model = recipe.build(images.schema)
    load_weights(model, tmp_path / "net")
    x = images.test.as_inputs().x
    assert torch.equal(model.eval()(x), defended(x))
    assert torch.equal(model.eval()(x) * 2, defended.get_submodule("model")(x))


def test_tied_weights_stay_tied(tmp_path: Path) -> None:
    def tied() -> nn.Sequential:
        model = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3))
        model[2].weight = model[0].weight
        return model

    model, other = tied(), tied()
    save_weights(model, tmp_path / "net")
    load_weights(other, tmp_path / "net")
    assert other[2].weight is other[0].weight
    assert torch.equal(other.get_parameter("2.weight"), model.get_parameter("2.weight"))


def test_transposed_weights_are_written_as_they_read(tmp_path: Path) -> None:
    model, other = nn.Linear(2, 3), nn.Linear(2, 3)
    model.weight = nn.Parameter(torch.arange(6.0).view(2, 3).T)
    save_weights(model, tmp_path / "net")
    load_weights(other, tmp_path / "net")
    assert torch.equal(other.weight, model.weight)


def test_what_does_not_fit_is_named_and_changes_nothing(dataset: AmuletDataset, tmp_path: Path) -> None:
    save_weights(LinearNet((8,), norm="none").build(dataset.schema), tmp_path / "net")
    model = LinearNet((4, 4), norm="none").build(dataset.schema)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(AmuletError) as error:
        load_weights(model, tmp_path / "net")
    assert str(error.value) == (
        f"The weights in '{tmp_path / 'net'}' do not fit Sequential: missing 5.weight, 5.bias; 1.weight is "
        "float32 (8, 5) instead of float32 (4, 5), 1.bias is float32 (8,) instead of float32 (4,), 3.weight is "
        "float32 (2, 8) instead of float32 (4, 4) and 1 more."
    )
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_what_the_model_does_not_have_is_named(tmp_path: Path) -> None:
    save_weights(nn.Linear(2, 2), tmp_path / "net")
    with pytest.raises(AmuletError, match=r"do not fit Linear: unexpected bias\.$"):
        load_weights(nn.Linear(2, 2, bias=False), tmp_path / "net")


def test_another_type_of_number_is_not_rounded_in_silence(tmp_path: Path) -> None:
    save_weights(nn.Linear(2, 2, bias=False).double(), tmp_path / "net")
    with pytest.raises(AmuletError, match=r"weight is float64 \(2, 2\) instead of float32 \(2, 2\)"):
        load_weights(nn.Linear(2, 2, bias=False), tmp_path / "net")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    save_weights(nn.Linear(2, 2), tmp_path / "net")
    (tmp_path / "net").write_bytes((tmp_path / "net").read_bytes()[:-3])
    with pytest.raises(AmuletError, match="net' cannot be read as safetensors"):
        load_weights(nn.Linear(2, 2), tmp_path / "net")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="There is no file"):
        load_weights(nn.Linear(2, 2), tmp_path / "net")


def test_state_that_is_no_tensor_is_refused(tmp_path: Path) -> None:
    class Noted(nn.Linear):
        def get_extra_state(self) -> str:
            return "a note"

    with pytest.raises(AmuletError, match=r"must be tensors to be saved\. Noted also has _extra_state\."):
        save_weights(Noted(2, 2), tmp_path / "net")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", [".pt", ".pth"])
def test_safetensors_do_not_go_by_the_name_of_torch_s_files(ending: str, tmp_path: Path) -> None:
    with pytest.raises(AmuletError, match=f"would hold safetensors, and {ending} is read as torch's own format"):
        save_weights(nn.Linear(2, 2), tmp_path / f"net{ending}")
    assert not list(tmp_path.iterdir())
