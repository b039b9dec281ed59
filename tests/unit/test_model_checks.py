"""What cannot be used as a model, or by an attack, is told in one sentence by every road."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from amulet.core.classifier import HiddenConfidence, few, gradient_problem
from amulet.core.data import Modality, Schema
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidParameter
from amulet.core.split import Split
from amulet.discriminatory_behavior import Discrimination
from amulet.evasion.attacks import PGD, AutoAttack, Transfer, WorstCase
from amulet.evasion.defenses import TRADES, AdversarialTraining
from amulet.experiments import compare
from amulet.membership_inference.attacks import LossThreshold
from amulet.models import GivenModel, LinearNet, SimpleCNN
from amulet.poisoning.attacks import BadNets
from amulet.poisoning.defenses import OutlierRemoval, SpectralSignatures
from amulet.testing import TOY_RECIPE, toy_dataset
from amulet.training import Recipe
from amulet.utility import Utility
from amulet.utils import get_accuracy

SQUARE = AutoAttack(epsilon=0.1, parts=("square",), queries=10)


class Wrapped(nn.Module):
    """A net whose outputs, or inputs, something is done to."""

    def __init__(
        self, after: Callable[[Tensor], Any] = lambda y: y, before: Callable[[Tensor], Tensor] = lambda x: x
    ) -> None:
        super().__init__()
        self.net, self.after, self.before = nn.Linear(5, 2), after, before

    def forward(self, x: Tensor) -> Any:
        return self.after(self.net(self.before(x)))


class Embedded(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table, self.out = nn.Embedding(11, 3), nn.Linear(15, 2)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.out(self.table((x * 10).long()).flatten(1))
        return logits


ROADS: dict[str, Callable[[Any, AmuletDataset], object]] = {
    "PGD": lambda model, dataset: PGD(epsilon=0.1, steps=1).attack(model, dataset.test),
    "Square": lambda model, dataset: SQUARE.attack(model, dataset.test),
    "AutoAttack": lambda model, dataset: AutoAttack(epsilon=0.1, steps=2, queries=5).attack(model, dataset.test),
    "BadNets": lambda model, dataset: BadNets().attack(model, dataset.test),
    "LossThreshold": lambda model, dataset: LossThreshold().attack(model, dataset.train, dataset.test),
    "Utility": lambda model, dataset: Utility().audit(model, dataset.test),
    "Discrimination": lambda model, dataset: Discrimination("sex").audit(model, dataset.test),
    "compare": lambda model, dataset: compare(model, nn.Linear(5, 2), dataset, probes=(Utility(),)),
    "Recipe": lambda model, dataset: Recipe(GivenModel.of(model), epochs=1).fit(dataset.train, seed=0),
    "get_accuracy": lambda model, dataset: get_accuracy(model, dataset.test),
}

UNUSABLE: dict[str, tuple[Callable[[], object], str]] = {
    "other classes": (lambda: nn.Linear(5, 3), r"map to logits of shape \(n, 2\).*Got \(2, 3\)"),
    "a dictionary": (lambda: Wrapped(lambda y: {"logits": y}), "Got a dict with 'logits'"),
    "an ordered one": (lambda: Wrapped(lambda y: OrderedDict(logits=y)), "Got a OrderedDict with 'logits'"),
    "a tuple": (lambda: Wrapped(lambda y: (y, y)), "Got a tuple"),
    "whole numbers": (lambda: Wrapped(lambda y: y.argmax(1)), "Got torch.int64"),
    "no batch alone": (lambda: Wrapped(lambda y: y.squeeze()), r"Got \(2,\) for one record"),
    "another type": (lambda: nn.Linear(5, 2).double(), r"torch.float64 and the records torch.float32.*model.float\(\)"),
    "other inputs": (lambda: nn.Linear(4, 2), r"cannot take records of shape \(5,\)"),
    "two devices": (
        lambda: nn.Sequential(nn.Linear(5, 5), nn.Linear(5, 2, device="meta")),
        "must lie on one device. Its tensors lie on cpu and meta",
    ),
    "no weights": (lambda: nn.Linear(5, 2, device="meta"), "'meta'"),
    "lazy": (lambda: nn.LazyLinear(2), "parameters without a shape"),
    "a function": (lambda: lambda x: x[:, :2], "must be a torch.nn.Module"),
}


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("case", UNUSABLE)
def test_a_model_that_is_none_is_told_by_every_road(road: str, case: str, dataset: AmuletDataset) -> None:
    make, sentence = UNUSABLE[case]
    with pytest.raises(InvalidParameter, match=sentence) as caught:
        ROADS[road](make(), dataset)
    assert "\n" not in str(caught.value)


def test_a_single_record_and_a_whole_batch_are_taken(dataset: AmuletDataset) -> None:
    one = dataset.test[torch.tensor([0])]
    assert len(PGD(epsilon=0.1, steps=1).attack(nn.Linear(5, 2), one)) == 1


@pytest.mark.parametrize("road", ["PGD", "LossThreshold", "Utility", "Discrimination", "compare", "get_accuracy"])
def test_a_softmax_on_top_is_warned_of(road: str, dataset: AmuletDataset) -> None:
    with pytest.warns(HiddenConfidence, match="second softmax"):
        ROADS[road](nn.Sequential(nn.Linear(5, 2), nn.Softmax(1)), dataset)


@pytest.mark.parametrize("top", [nn.LogSoftmax(1), nn.Sigmoid(), nn.ReLU(), nn.Identity()])
def test_other_outputs_are_no_softmax(top: nn.Module, dataset: AmuletDataset) -> None:
    torch.manual_seed(0)
    Utility().audit(nn.Sequential(nn.Linear(5, 2), top), dataset.test)


WITHOUT: dict[str, Callable[[], nn.Module]] = {
    "rounded": lambda: Wrapped(before=torch.round),
    "signs": lambda: Wrapped(before=lambda x: (x - 0.5).sign()),
    "compared": lambda: Wrapped(before=lambda x: (x > 0.5).float()),
    "whole": lambda: Wrapped(before=lambda x: x.long().float()),
    "detached": lambda: Wrapped(before=torch.Tensor.detach),
    "embedded": Embedded,
}
CLIMBING = [
    PGD(epsilon=0.1),
    AutoAttack(epsilon=0.1),
    AutoAttack(epsilon=0.1, parts=("square", "fab-t")),
    WorstCase((SQUARE, PGD(epsilon=0.1))),
]


@pytest.mark.parametrize("attack", CLIMBING, ids=str)
@pytest.mark.parametrize("case", WITHOUT)
def test_attacks_that_climb_refuse_a_model_without_input_gradients(
    attack: PGD | AutoAttack | WorstCase, case: str, dataset: AmuletDataset
) -> None:
    with pytest.raises(InvalidParameter, match=r"needs the gradient.*\[square\].*Transfer"):
        attack.attack(WITHOUT[case](), dataset.test)


@pytest.mark.parametrize("case", WITHOUT)
def test_random_search_needs_no_gradient(case: str, dataset: AmuletDataset) -> None:
    assert len(SQUARE.attack(WITHOUT[case](), dataset.test)) == len(dataset.test)


@pytest.mark.parametrize("defense", [AdversarialTraining(epsilon=0.1), TRADES(epsilon=0.1)], ids=str)
@pytest.mark.parametrize("case", WITHOUT)
def test_defenses_that_climb_refuse_it_too(
    defense: AdversarialTraining | TRADES, case: str, dataset: AmuletDataset
) -> None:
    recipe = defense.apply(Recipe(GivenModel.of(WITHOUT[case]()), epochs=1))
    (problem,) = recipe.data_problems(dataset.schema, 100)
    assert "needs the gradient" in problem.sentence


WITH: dict[str, Callable[[], nn.Module]] = {
    "an output layer of zeros": lambda: zeroed(nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 2))),
    "outputs of one sum": lambda: nn.Sequential(nn.Linear(5, 2), nn.Softmax(1)),
    "straight through": lambda: Wrapped(before=lambda x: x + (x.round() - x).detach()),
    "frozen weights": lambda: nn.Linear(5, 2).requires_grad_(False),
    "double": lambda: nn.Sequential(Cast(torch.float64), nn.Linear(5, 2).double()),
    "scripted": lambda: torch.jit.script(nn.Linear(5, 2)),
    "traced": lambda: torch.jit.trace(nn.Linear(5, 2), torch.zeros(3, 5)),
    "parallel": lambda: nn.DataParallel(nn.Linear(5, 2)),
}


class Cast(nn.Module):
    def __init__(self, kind: torch.dtype) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, x: Tensor) -> Tensor:
        return x.to(self.kind)


def zeroed(model: nn.Sequential) -> nn.Module:
    for parameter in model[-1].parameters():
        nn.init.zeros_(parameter)
    return model


@pytest.mark.parametrize("case", WITH)
def test_what_has_gradients_is_not_refused(case: str, dataset: AmuletDataset) -> None:
    model, state = WITH[case](), torch.get_rng_state()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert gradient_problem(model, few(dataset.test)) is None
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_gradients_of_frozen_inputs_are_of_no_use(dataset: AmuletDataset) -> None:
    half = Wrapped(before=lambda x: torch.cat([x[:, :2], x[:, 2:].round()], 1))
    assert gradient_problem(half, few(dataset.test)) is None
    with pytest.raises(InvalidParameter, match="zero everywhere"):
        PGD(epsilon=0.1, frozen=(0, 1)).attack(half, dataset.test)


def test_surrogates_are_checked_too(dataset: AmuletDataset) -> None:
    from amulet.core.threat import TrainedModel  # noqa: PLC0415

    attack = Transfer(PGD(epsilon=0.1, steps=1))
    for surrogate, sentence in ((nn.Linear(5, 3), "map to logits"), (Embedded(), "needs the gradient")):
        models = {"surrogate": (TrainedModel(surrogate, torch.empty(0)),)}
        with pytest.raises(InvalidParameter, match=sentence):
            attack.attack(nn.Linear(5, 2), dataset.test, models=models)
    assert attack.own_models(Split())
    good = {"surrogate": (TrainedModel(nn.Linear(5, 2), torch.empty(0)),)}
    assert len(attack.attack(Embedded(), dataset.test, models=good)) == len(dataset.test)


def bounded(low: float, high: float) -> Schema:
    return Schema(Modality.TABULAR, (5,), ("a", "b"), low=low, high=high)


@pytest.mark.parametrize("make", [PGD, AutoAttack, AdversarialTraining, TRADES])
@pytest.mark.parametrize(
    ("epsilon", "norm", "bounds", "said"),
    [
        (8, "linf", (0.0, 1.0), "is 8/255 meant, 0.03137?"),
        (1, "linf", (0.0, 1.0), "is 1/255 meant"),
        (1.5, "linf", (0.0, 1.0), "Got 1.5."),
        (8, "linf", (-1.0, 1.0), "must be below 2, since the inputs lie in [-1, 1]"),
        (8, "linf", (0.0, 255.0), None),
        (255, "linf", (0.0, 255.0), "must be below 255"),
        (0.999, "linf", (0.0, 1.0), None),
        (2.0, "l2", (0.0, 1.0), None),
        (2.24, "l2", (0.0, 1.0), "must be below 2.23607"),
        (0, "linf", (0.0, 1.0), None),
    ],
)
def test_an_epsilon_that_bounds_nothing_is_refused(
    make: Any, epsilon: float, norm: str, bounds: tuple[float, float], said: str | None
) -> None:
    value, schema = make(epsilon=epsilon, norm=norm), bounded(*bounds)
    if isinstance(value, PGD | AutoAttack):
        sentences = list(value.demands(schema))
    else:
        sentences = [problem.sentence for problem in value.data_problems(schema, 100)]
    assert [said in sentence for sentence in sentences] == ([] if said is None else [True])  # type: ignore[operator]


def test_it_is_said_of_attacks_within_attacks() -> None:
    for attack in (Transfer(PGD(epsilon=8)), WorstCase((PGD(epsilon=8),))):
        assert "8/255" in next(iter(attack.demands(bounded(0, 1))))


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("make", [AdversarialTraining, TRADES])
def test_defenses_leave_frozen_features_alone(make: Any, norm: str, dataset: AmuletDataset) -> None:
    model, batch = LinearNet((8,)).build(dataset.schema).eval(), dataset.train[torch.arange(20)]
    free, held = make(epsilon=0.3, norm=norm), make(epsilon=0.3, norm=norm, frozen=(1, 3))

    def change(defense: AdversarialTraining | TRADES) -> Tensor:
        rng = torch.Generator().manual_seed(0)
        moved = defense.twin(model, batch, rng) if isinstance(defense, TRADES) else defense.perturb(model, batch, rng).x
        return (moved - batch.x).abs().amax(0)

    assert (change(free) > 0).all()
    assert ((change(held) > 0) == torch.tensor([True, False, True, False, True])).all()


def test_features_to_be_frozen_must_be_there(dataset: AmuletDataset, recipe: Recipe) -> None:
    for defense in (AdversarialTraining(epsilon=0.1, frozen=("wage",)), TRADES(epsilon=0.1, frozen=("wage",))):
        with pytest.raises(InvalidParameter, match="There is no feature 'wage' to be frozen"):
            defense.train(recipe, dataset.train, seed=0)


def test_a_lazy_model_gets_its_shape_from_the_records(dataset: AmuletDataset) -> None:
    from amulet.models import ImportedModel  # noqa: PLC0415

    lazy = ImportedModel("torch.nn:LazyLinear", {"out_features": 2})  # type: ignore[arg-type]
    recipe = Recipe(lazy, epochs=1, batch_size=32)
    assert not list(recipe.trial_problems(dataset.schema))
    first, again = (recipe.fit(dataset.train, seed=3).model.state_dict() for _ in range(2))
    assert first["weight"].shape == (2, 5)
    assert torch.equal(first["weight"], again["weight"])


def test_what_fails_in_the_first_step_is_told_before(dataset: AmuletDataset) -> None:
    frozen = Recipe(GivenModel.of(nn.Linear(5, 2).requires_grad_(False)), epochs=1)
    cut = Recipe(GivenModel.of(Wrapped(torch.Tensor.detach)), epochs=1)
    for recipe in (frozen, cut):
        (problem,) = recipe.trial_problems(dataset.schema)
        assert problem.sentence.startswith("GivenModel cannot be trained: a step on 8 made-up records fails")
    assert not list(replace(frozen, model=LinearNet()).trial_problems(dataset.schema))


def test_a_plan_does_not_take_the_steps_of_the_training() -> None:
    endless = (AdversarialTraining(epsilon=0.1, steps=10**9), TRADES(epsilon=0.1, steps=10**9))
    for defense in endless:
        recipe = defense.apply(TOY_RECIPE)
        assert list(recipe.data_problems(toy_dataset().schema, 100)) == []


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64], ids=str)
@pytest.mark.parametrize("part", ["apgd-ce", "fab-t", "square"])
def test_logits_may_be_of_any_floating_type(part: Any, kind: torch.dtype, dataset: AmuletDataset) -> None:
    model = nn.Sequential(Cast(kind), nn.Linear(5, 2).to(kind))
    attack = AutoAttack(epsilon=0.2, parts=(part,), steps=3, queries=10)
    assert len(attack.attack(model, dataset.test)) == len(dataset.test)


class Sums(nn.Module):
    """A model without any linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(5, 2))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight


@pytest.mark.parametrize("defense", [SpectralSignatures(10.0), OutlierRemoval(10.0)], ids=str)
def test_defenses_that_score_by_features_refuse_a_model_without(
    defense: SpectralSignatures | OutlierRemoval, dataset: AmuletDataset
) -> None:
    recipe = defense.apply(Recipe(GivenModel.of(Sums()), epochs=1))
    (problem,) = recipe.data_problems(dataset.schema, 100)
    assert "needs the features" in problem.sentence
    assert "Sums has no linear layer" in problem.sentence
    assert not list(defense.apply(Recipe(LinearNet(), epochs=1)).data_problems(dataset.schema, 100))


class Changing(nn.Module):
    """Keeps something beside weights that decides its outputs."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.net, self.kind, self.calls = nn.Linear(5, 2), kind, 0
        self.register_buffer("last", torch.zeros(1, 2))

    def get_extra_state(self) -> object:
        return {"calls": self.calls}

    def set_extra_state(self, state: Any) -> None:
        self.calls = state["calls"]

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.net(x)
        self.calls += self.training
        if self.kind == "shape":
            self.last = logits.detach()
        if self.kind == "grows" and not hasattr(self, "late"):
            self.late = nn.Linear(5, 2)
        return logits + (self.calls if self.kind == "counts" else 0)


class Forgetful(Changing):
    get_extra_state, set_extra_state = nn.Module.get_extra_state, nn.Module.set_extra_state


KEPT_ELSEWHERE: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "a count": (lambda: Forgetful("counts"), "it gives other outputs"),
    "another shape": (lambda: Forgetful("shape"), "size mismatch for last"),
    "another layer": (lambda: Forgetful("grows"), "late.weight"),
    "no tensor": (lambda: Changing(""), "'_extra_state' in its state_dict is a dict and no tensor"),
}


@pytest.mark.parametrize("case", KEPT_ELSEWHERE)
def test_what_training_would_leave_outside_of_weights_is_told_before(case: str, dataset: AmuletDataset) -> None:
    make, reason = KEPT_ELSEWHERE[case]
    (problem,) = Recipe(GivenModel.of(make()), epochs=1).trial_problems(dataset.schema)
    assert problem.sentence.startswith("GivenModel, once trained, cannot be rebuilt from its weights and buffers")
    assert reason in problem.sentence


def test_a_model_that_draws_from_numpy_is_rebuilt(dataset: AmuletDataset) -> None:
    noisy = Wrapped(before=noise)
    assert not list(Recipe(GivenModel.of(noisy), epochs=1).trial_problems(dataset.schema))


def noise(x: Tensor) -> Tensor:
    return x + torch.from_numpy(np.random.rand(*x.shape)).float()  # noqa: NPY002 - as a user's model may


def test_nothing_but_nan_is_told_before(dataset: AmuletDataset) -> None:
    nothing = Wrapped(after=lost)
    (problem,) = Recipe(GivenModel.of(nothing), epochs=1).trial_problems(dataset.schema)
    assert "nothing but NaN after a step of training" in problem.sentence


def lost(y: Tensor) -> Tensor:
    return y * torch.nan


@pytest.mark.parametrize(
    "model", [LinearNet(hidden=(10**9,)), LinearNet(hidden=(10**5, 10**5)), SimpleCNN(channels=(10**5, 10**5))]
)
def test_models_of_absurd_widths_are_refused_before_they_fill_the_memory(model: LinearNet | SimpleCNN) -> None:
    schema = Schema(Modality.IMAGE, (3, 8, 8), ("a", "b"))
    with pytest.raises(ValueError, match="its layers must have at most 1,073,741,824 weights, and would have"):
        model.build(schema)
