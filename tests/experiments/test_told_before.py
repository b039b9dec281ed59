"""What a plan tells of its models before anything is trained, and models that the store could not rebuild."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from amulet.core.data import Data
from amulet.core.errors import AmuletError, InvalidParameter
from amulet.evasion.attacks import PGD, AutoAttack
from amulet.experiments import Experiment, Row, Store, plan
from amulet.experiments.assess import carry_out
from amulet.membership_inference.attacks import LossThreshold
from amulet.membership_inference.defenses import DPSGD
from amulet.models import ImportedModel
from amulet.training import Recipe, TrainingFunction

LINEAR = ImportedModel("torch.nn:Linear", (("in_features", 6), ("out_features", 2)))
PRIVATE = DPSGD(epsilon=None, noise_multiplier=1.0, delta=1e-3)


class Rounded(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x.round())  # type: ignore[no-any-return]


class Confident(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Linear(6, 2), nn.Softmax(1))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.out = nn.GRU(1, 4, batch_first=True), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.rnn(x.unsqueeze(-1))[0][:, -1])  # type: ignore[no-any-return]


def hooked(model: nn.Module, data: Data, seed: int) -> None:
    """A training function that leaves a forward hook behind."""
    step(model, data, seed)
    model.register_forward_hook(lambda *call: -call[2])


def own_forward(model: nn.Module, data: Data, seed: int) -> None:
    """One that gives the instance a forward method of its own."""
    step(model, data, seed)
    before = model.forward
    model.forward = lambda x: -before(x)


def step(model: nn.Module, data: Data, seed: int) -> None:
    """One that changes weights alone."""
    del seed
    cross_entropy(model(data.x), data.y).backward()
    with torch.no_grad():
        for parameter in model.parameters():
            assert parameter.grad is not None
            parameter.sub_(0.1 * parameter.grad)


def with_model(experiment: Experiment, name: str) -> Experiment:
    recipe = Recipe(ImportedModel(f"{__name__}:{name}"), epochs=1, batch_size=32)
    return replace(experiment, recipe=recipe, defenses=(), attacks=(LossThreshold(),), audits=(), seeds=2)


def test_an_attack_without_gradients_to_climb_is_told_by_the_plan(experiment: Experiment) -> None:
    rounded = with_model(experiment, "Rounded")
    with pytest.raises(InvalidParameter, match=r"Row 'undefended': PGD.* needs the gradient.*\[square\]"):
        plan(replace(rounded, attacks=(PGD(epsilon=0.1),)))
    assert plan(replace(rounded, attacks=(AutoAttack(epsilon=0.1, parts=("square",)),))).trials


def test_a_softmax_on_top_is_noted_by_the_plan(experiment: Experiment) -> None:
    (notice,) = plan(with_model(experiment, "Confident")).notices
    assert notice.startswith("Row 'undefended': ImportedModel gives probabilities")


def test_slow_private_training_is_noted_by_the_plan(experiment: Experiment) -> None:
    recurrent = replace(with_model(experiment, "Recurrent"), defenses=(Row("dp-sgd", (PRIVATE,)),))
    (notice,) = plan(recurrent).notices
    assert notice.startswith("Row 'dp-sgd': DP-SGD takes the gradients of ImportedModel one record at a time")


@pytest.mark.parametrize("function", ["hooked", "own_forward"])
def test_a_model_that_the_store_cannot_rebuild_is_refused(experiment: Experiment, store: Store, function: str) -> None:
    recipe = TrainingFunction(f"{__name__}:{function}", LINEAR)
    planned = plan(replace(experiment, recipe=recipe, defenses=(), attacks=(), seeds=2))
    with pytest.raises(AmuletError, match=r"cannot be rebuilt from its weights and buffers.*it gives other outputs"):
        carry_out(planned, store, workers=1)


def test_a_model_of_weights_alone_is_rebuilt(experiment: Experiment, store: Store) -> None:
    recipe = TrainingFunction(f"{__name__}:step", LINEAR)
    assert carry_out(plan(replace(experiment, recipe=recipe, defenses=(), attacks=(), seeds=2)), store, workers=1)
