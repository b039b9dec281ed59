"""DP-SGD with models that torch.func cannot map over records: the sums of plain autograd, or a sentence why not."""

from collections.abc import Callable
from threading import Lock

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, spectral_norm
from torch.utils.checkpoint import checkpoint

from amulet.core.dataset import AmuletDataset
from amulet.models import GivenModel, ImportedModel, LinearNet
from amulet.training import DPSGD, Recipe
from amulet.training.clipped_sums import clipped_sum_by_layer, clipped_sum_by_record, clipped_sum_one_by_one, form_for
from amulet.training.loop import record_losses
from amulet.training.rehearsal import rehearsed
from amulet.training.updates import Pace

pytestmark = pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad=True")  # of reentrant checkpoints

PRIVATE = DPSGD(epsilon=None, noise_multiplier=1.0, delta=1e-4, accountant="rdp")


class Recurrent(nn.Module):
    def __init__(self, kind: type[nn.GRU | nn.LSTM | nn.RNN]) -> None:
        super().__init__()
        self.rnn, self.out = kind(1, 4, batch_first=True), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.out(self.rnn(x.unsqueeze(-1))[0][:, -1])
        return logits


class Doing(nn.Module):
    """A net of two layers with something done between them."""

    def __init__(self, between: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.second, self.between = nn.Linear(5, 4), nn.Linear(4, 2), between

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.second(self.between(self.first(x)))
        return logits


class Recomputing(Doing):
    reentrant = False

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.first(x)
        logits: Tensor = self.second(checkpoint(torch.tanh, hidden, use_reentrant=self.reentrant))
        return logits


class RecomputingReentrant(Recomputing):
    reentrant = True


class Aliased(nn.Module):
    """Weights that are used by another name, which torch.func does not follow."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(5, 2)
        self.weights = [self.layer.weight]

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weights[0].T + self.layer.bias


class Mixed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(5, 4), nn.Linear(4, 2).double()

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.second(self.first(x).double())
        return logits


class Autocast(Doing):
    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return super().forward(x)


class Cubed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, slope: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors  # type: ignore[attr-defined]
        result: Tensor = 3 * x**2 * slope
        return result


def cubed(x: Tensor) -> Tensor:
    result: Tensor = Cubed.apply(x)  # type: ignore[no-untyped-call]
    return result


def spectral_by_hooks() -> nn.Module:
    return nn.Sequential(spectral_norm(nn.Linear(5, 4)), nn.ReLU(), nn.Linear(4, 2))


def spectral() -> nn.Module:
    return nn.Sequential(parametrizations.spectral_norm(nn.Linear(5, 4)), nn.ReLU(), nn.Linear(4, 2))


SLOW: dict[str, Callable[[], nn.Module]] = {
    "GRU": lambda: Recurrent(nn.GRU),
    "LSTM": lambda: Recurrent(nn.LSTM),
    "control flow": lambda: Doing(lambda h: h if h.max() > 0 else -h),
    "item": lambda: Doing(lambda h: h * (1 + abs(h.sum().item()) * 0)),
    "own backward pass": lambda: Doing(cubed),
    "reentrant recomputation": lambda: RecomputingReentrant(torch.tanh),
    "aliased weights": Aliased,
}
ANY = SLOW | {
    "recomputation": lambda: Recomputing(torch.tanh),
    "spectral norm by hooks": spectral_by_hooks,
    "spectral norm": spectral,
    "two types": Mixed,
    "dropout": lambda: Doing(nn.Dropout(0.5)),
    "RNN": lambda: Recurrent(nn.RNN),
}


@pytest.fixture(params=list(ANY))
def model(request: pytest.FixtureRequest) -> nn.Module:
    torch.manual_seed(0)
    return ANY[request.param]()


def test_any_model_is_trained(model: nn.Module, dataset: AmuletDataset) -> None:
    recipe = PRIVATE.apply(Recipe(GivenModel.of(model), epochs=1, batch_size=50))
    assert not list(recipe.data_problems(dataset.schema, 200))
    assert not list(recipe.trial_problems(dataset.schema))
    first, again = (recipe.fit(dataset.train, seed=0).model.state_dict() for _ in range(2))
    assert all(torch.equal(first[name], tensor) for name, tensor in again.items())
    assert all(tensor.isfinite().all() for tensor in first.values())


def test_its_sums_are_those_of_one_record_at_a_time(model: nn.Module, dataset: AmuletDataset) -> None:
    """Each gradient taken afresh from a model as it was, clipped, and added."""
    model.eval()
    batch, losses = dataset.train[torch.arange(6)], record_losses(Recipe(LinearNet()), dataset.train)
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    expected = {name: torch.zeros_like(parameter) for name, parameter in model.named_parameters()}
    for place in range(6):
        model.zero_grad(set_to_none=True)
        losses(model, batch[torch.tensor([place])]).sum().backward()
        gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
        norm = sum(gradient.double().square().sum() for gradient in gradients.values()) ** 0.5
        for name, gradient in gradients.items():
            expected[name] += gradient / max(1.0, float(norm) / 0.5)
    model.zero_grad(set_to_none=True)
    found = form_for(losses, model, batch).clipped_sum(losses, model, batch, 0.5)
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=1e-6)
    assert all(torch.equal(before[name], buffer) for name, buffer in model.named_buffers())


@pytest.mark.parametrize("name", SLOW)
def test_the_plan_says_what_is_slow_and_why(name: str, dataset: AmuletDataset) -> None:
    recipe = PRIVATE.apply(Recipe(GivenModel.of(SLOW[name]()), epochs=1))
    (notice,) = recipe.notices(dataset.schema)
    assert "takes the gradients of GivenModel one record at a time, which is slow" in notice
    assert "\n" not in notice


def test_what_is_fast_stays_fast(dataset: AmuletDataset) -> None:
    torch.manual_seed(0)
    batch, losses = dataset.train[torch.arange(6)], record_losses(Recipe(LinearNet()), dataset.train)
    net = LinearNet((4,), norm="group").build(dataset.schema)
    assert form_for(losses, net, batch).clipped_sum is clipped_sum_by_layer
    assert form_for(losses, nn.Sequential(nn.Linear(5, 2), nn.LayerNorm(2)), batch).clipped_sum is clipped_sum_by_record
    assert not list(PRIVATE.apply(Recipe(LinearNet((4,), norm="group"))).notices(dataset.schema))


def test_a_power_iteration_goes_on_once_a_step_whatever_the_batch(dataset: AmuletDataset) -> None:
    """Its state would otherwise tell how many records a batch had."""
    states = []
    for records in (1, 3, 0):
        torch.manual_seed(0)
        model = spectral().train()
        recipe = Recipe(GivenModel.of(model))
        rule = PRIVATE.begin(_pace(), 0, "cpu")
        rule.backward(record_losses(recipe, dataset.train), model, dataset.train[torch.arange(records)])
        states.append(torch.cat([buffer.flatten() for buffer in model.buffers()]))
    assert torch.equal(states[0], states[1])
    assert torch.equal(states[0], states[2])


def _pace() -> Pace:

    return Pace(200, 50, 1)


class Counting(nn.Module):
    """Keeps something of what it is given."""

    def __init__(self, keep: Callable[[nn.Module, Tensor], None]) -> None:
        super().__init__()
        self.net, self.keep, self.total = nn.Linear(5, 2), keep, 0.0
        self.register_buffer("seen", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        self.keep(self, x)
        logits: Tensor = self.net(x)
        return logits


def keep_mean(model: nn.Module, x: Tensor) -> None:
    model.seen = x.mean().detach().reshape(1)


def keep_number(model: nn.Module, x: Tensor) -> None:
    model.total = x.sum().item()  # type: ignore[assignment]


def keep_count(model: nn.Module, x: Tensor) -> None:
    model.seen = model.seen + len(x)  # type: ignore[operator, assignment]


def keep_list(model: nn.Module, x: Tensor) -> None:
    vars(model).setdefault("log", []).append(x.sum().item())


class Complex(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(5, 2, dtype=torch.complex64))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = (x.to(torch.complex64) @ self.weight).abs()
        return logits


REFUSED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "batch norm": (lambda: nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)), "BatchNorm1d layers"),
    "a mean": (lambda: Counting(keep_mean), "keeps running statistics"),
    "a number": (lambda: Counting(keep_number), "keeps running statistics"),
    "a count of records": (lambda: Counting(keep_count), "keeps running statistics"),
    "a list": (lambda: Counting(keep_list), "records ('log["),
    "the mean of the batch": (lambda: Doing(lambda h: h - h.mean(0)), "other outputs in other batches"),
    "the size of the batch": (lambda: Doing(lambda h: h / len(h)), "other outputs in batches of another size"),
    "complex weights": (Complex, "complex parameters"),
    "a batch of two at least": (lambda: Doing(lambda h: h[[0, 1]] if len(h) < 2 else h), "one at a time: index 1"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_void_the_guarantee_is_refused_by_its_reason(case: str, dataset: AmuletDataset) -> None:
    make, reason = REFUSED[case]
    recipe = PRIVATE.apply(Recipe(GivenModel.of(make()), epochs=1))
    (problem,) = recipe.data_problems(dataset.schema, 200)
    assert reason in problem.sentence


def test_the_forms_agree_on_a_common_model(dataset: AmuletDataset) -> None:
    batch, losses = dataset.train[torch.arange(7)], record_losses(Recipe(LinearNet()), dataset.train)
    net = LinearNet((4,), norm="group").build(dataset.schema)
    forms = (clipped_sum_by_layer, clipped_sum_by_record, clipped_sum_one_by_one)
    first, *others = (form(losses, net, batch, 0.3) for form in forms)
    for other in others:
        for name, gradient in first.items():
            torch.testing.assert_close(other[name], gradient, rtol=1e-4, atol=1e-6)


def test_a_rehearsal_looks_for_no_noise(dataset: AmuletDataset) -> None:
    """Opacus's search would take seconds for each row of a plan."""
    recipe = DPSGD(epsilon=0.1, delta=1e-9).apply(Recipe(LinearNet((4,), norm="group")))
    assert all(rehearsed(recipe._trial, dataset.schema))


class Locked(nn.Linear):
    """Holds what cannot be copied."""

    def __init__(self) -> None:
        super().__init__(5, 2)
        self.lock = Lock()


def test_a_model_that_cannot_be_copied_is_built_anew_to_be_tried(dataset: AmuletDataset) -> None:
    recipe = PRIVATE.apply(Recipe(ImportedModel(f"{__name__}:Locked"), epochs=1))
    assert not list(recipe.data_problems(dataset.schema, 200))
