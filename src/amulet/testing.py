"""The conformance kit: what every plug-in promises, checked. For Amulet's own and for third parties' alike.

    from amulet.testing import check_attack
    def test_my_attack() -> None:
        check_attack(MyAttack())

Each check raises AssertionError with one sentence that says what was promised and what happened.
"""

import copy
import inspect
import pickle
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, overload

import torch
from torch import Tensor, nn

from amulet.core.data import Data
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import AccessDenied, InvalidParameter, MissingInput
from amulet.core.held import Held
from amulet.core.metric import Metric, Undefined
from amulet.core.model import AttributeModel, logits_of, predict
from amulet.core.outcome import Outcome
from amulet.core.probe import Attack, Game, Probe
from amulet.core.roles import Derivation
from amulet.core.seeds import generator
from amulet.core.spec import Spec
from amulet.core.split import Split
from amulet.core.threat import Access, TrainedModel, opened
from amulet.core.trainable import DataUse, Defense
from amulet.datasets.own import from_arrays
from amulet.experiments.planning.memory import game_for
from amulet.experiments.registry.plugins import Kind, plugins
from amulet.models.linear_net import LinearNet
from amulet.training.optimizers import Adam
from amulet.training.penalty import Penalty
from amulet.training.recipe import Recipe
from amulet.training.stages import Finish, Penalize, Perturb, Prepare, Update
from amulet.training.updates import Pace

FEATURES = 6
TOY_RECIPE = Recipe(LinearNet((16,), norm="group"), epochs=4, batch_size=16, optimizer=Adam(lr=0.01))
"""Trains in a moment, and without layers that mix records."""


def toy_dataset(records: int = 160, seed: int = 0) -> AmuletDataset:
    """Two overlapping classes in [0, 1] with a sensitive attribute `sex`; a fifth of the records is for testing."""
    rng = generator(seed, "toy")
    y = (torch.rand(records, generator=rng) < 0.5).long()
    x = (0.5 + 0.15 * (2 * y[:, None] - 1) + 0.2 * torch.randn(records, FEATURES, generator=rng)).clamp(0, 1)
    sex = torch.where(torch.rand(records, generator=rng) < 0.3 + 0.4 * y, 1, 0)
    cut = records * 4 // 5
    return from_arrays(
        (x[:cut], y[:cut]),
        (x[cut:], y[cut:]),
        sensitive=({"sex": sex[:cut]}, {"sex": sex[cut:]}),
        classes=("denied", "approved"),
        positive="approved",
        bounds=(0.0, 1.0),
        name="toy",
    )


def toy_game(probe: Probe[Any], seed: int = 0) -> Game:
    """A small game of the probe, with the models that it asks for."""
    return game_for(probe, TOY_RECIPE, toy_dataset(), Split(seed=seed))


def check_attack(attack: Attack[Any]) -> None:
    """It uses exactly the access it declares and the models that it asks for, is repeatable, and leaves its target as
    it was.
    """
    check_spec(attack, paper=True)
    game = toy_game(attack)
    _check_play(attack, game)
    _check_needs(attack, game)
    _check_requests(attack, game)


def check_audit(audit: Probe[Any]) -> None:
    """It is repeatable, uses the models that it asks for, and leaves the model as it was."""
    check_spec(audit, paper=False)
    game = toy_game(audit)
    _check_play(audit, game)
    _check_requests(audit, game)


def check_with_attributes(probe: Probe[Any]) -> None:
    """An attack or audit also works where models need the records' sensitive attributes to predict.

    Amulet's own do. One that hands inputs alone to its target works on all other models.
    """
    game = toy_game(probe)
    models = {
        role: [replace(each, model=_ByGroup(each.model).eval()) for each in held] for role, held in game.models.items()
    }
    try:
        probe.play(replace(game, models=models))
    except (InvalidParameter, TypeError) as error:
        raise AssertionError(
            f"{probe} must work on models that need the records' sensitive attributes: hand on records instead of "
            f"inputs, and take functions of inputs from `target.classifiers(records)`. Got: {error}"
        ) from error


def check_derivation(derivation: Derivation) -> None:
    """It uses exactly the access to its parent that it declares, is repeatable, leaves the parent as it was, and can be
    rebuilt from its stored weights.
    """
    check_spec(derivation, paper=True)
    data = toy_dataset().train
    parent = TOY_RECIPE.fit(data, seed=0).model
    before = _state(parent)
    first, second = (_derived(derivation, parent, derivation.needs, data) for _ in range(2))
    _require(_same(first.state_dict(), second.state_dict()), f"{derivation} must give the same weights for one seed")
    _require(_same(_state(parent), before), f"{derivation} must leave its parent as it was")
    rebuilt = derivation.build(data.schema, TOY_RECIPE, TOY_RECIPE.build)
    rebuilt.load_state_dict(first.state_dict())
    same = {"logits": rebuilt.eval()(data.x)}, {"logits": first.eval()(data.x)}
    _require(_same(*same), f"The model that {derivation} builds must work with the weights that it derives")
    for narrower in derivation.needs.narrowed_by_one():
        try:
            _derived(derivation, parent, narrower, data)
        except AccessDenied:
            continue
        raise AssertionError(f"{derivation} declares an access to {derivation.needs} but runs with {narrower}.")


def _derived(derivation: Derivation, parent: nn.Module, access: Access, data: Data) -> nn.Module:
    with opened(parent, access) as target:
        return derivation.derive(target, TOY_RECIPE, data, seed=1).model


def check_defense(defense: Defense) -> None:
    """It leaves the recipe it is given alone, trains twice to the same weights, and its `data_use` is true."""
    check_spec(defense, paper=True)
    digest, data = TOY_RECIPE.digest, toy_dataset().train
    defended = defense.apply(TOY_RECIPE)
    _require(TOY_RECIPE.digest == digest, f"{defense} must leave the recipe it is given alone")
    _require(defended.digest != digest, f"{defense} must change the recipe")
    held = Held(validation=toy_dataset(seed=1).test)
    first, second = (defended.fit(data, seed=1, held=held).model for _ in range(2))
    _require(_same(first.state_dict(), second.state_dict()), f"{defense} must train to the same weights for one seed")
    rebuilt = defended.build(data.schema)
    rebuilt.load_state_dict(first.state_dict())
    logits = [{"logits": predict(model.eval(), data)} for model in (first, rebuilt)]
    _require(_same(*logits), f"The model that {defense} leaves must work again when it is rebuilt with its weights")
    if getattr(defense, "data_use", DataUse.DATASET) is not DataUse.DATASET:
        _check_data_use(defense, data)
    if isinstance(defense, Prepare):
        _check_prepare(defense, data)
    if isinstance(defense, Finish):
        _check_finish(defense, data)


def check_metric(metric: Metric[Any], outcome: Outcome | None = None) -> None:
    """It ignores the order of records, stays in its range and leaves the outcome alone.

    Args:
        metric: to check.
        outcome: to read it off; by default what a registered attack or audit finds on toy data.
    """
    check_spec(metric, paper=True)
    _require(metric.riskier in {"low", "high", None}, f"'riskier' of {metric} must be 'low', 'high' or None")
    found = outcome if outcome is not None else _toy_outcome(metric)
    before = {name: tensor.clone() for name, tensor in found.tensors().items()}
    value = metric(found)
    _require(_same(found.tensors(), before), f"{metric} must leave the outcome as it was")
    order = torch.randperm(len(found), generator=generator(0, "order"))
    again = metric(found[order])
    same = value == again if isinstance(value, Undefined) else abs(value - float(again)) < 1e-9  # type: ignore[arg-type]
    _require(same, f"{metric} must ignore the order of records; it was {value} and became {again}")


def check_spec(spec: Spec, *, paper: bool) -> None:
    """It is a frozen dataclass that can be made without arguments, pickled, and traced to its source."""
    cls = type(spec)
    params = getattr(cls, "__dataclass_params__", None)
    _require(params is not None and params.frozen, f"{cls.__name__} must be a frozen dataclass")
    _require(isinstance(cls(), cls), f"{cls.__name__} must be constructible without arguments")
    copied = pickle.loads(pickle.dumps(spec))  # noqa: S301 - our own bytes
    _require(copied == spec and copied.digest == spec.digest, f"{cls.__name__} must survive pickling")
    if paper:
        text = inspect.getdoc(sys.modules[cls.__module__]) or ""
        _require(
            bool(re.search(r"https?://", text)),
            f"The docstring of {cls.__module__} must name its paper's address",
        )


def _check_play(probe: Probe[Any], game: Game) -> None:
    before = {role: [_state(each.model) for each in held] for role, held in game.models.items()}
    outcome = probe.play(game)
    if isinstance(outcome, Undefined):
        _require(probe.play(game) == outcome, f"{probe} must repeat itself for one seed")
        return
    _require(isinstance(outcome, probe.outcome_type), f"{probe} must give a {probe.outcome_type.__name__}")
    same = all(
        _same(_state(each.model), state)
        for role, held in game.models.items()
        for each, state in zip(held, before[role], strict=True)
    )
    _require(same, f"{probe} must leave every model of the game as it was")
    again = probe.play(game)
    repeated = not isinstance(again, Undefined) and _same(again.tensors(), outcome.tensors())
    _require(repeated, f"{probe} must repeat itself for one seed")


def _check_needs(attack: Attack[Any], game: Game) -> None:
    """With any access that shows one thing less it must be denied; more than it declares the gate itself denies."""
    for narrower in attack.needs.narrowed_by_one():
        narrowed = copy.copy(attack)
        object.__setattr__(narrowed, "needs", narrower)
        try:
            narrowed.play(game)
        except AccessDenied:
            continue
        raise AssertionError(f"{attack} declares an access to {attack.needs} but runs with {narrower}.")


def _check_requests(probe: Probe[Any], game: Game) -> None:
    """Every model that it asks to be trained is looked up, and no other."""
    seen: set[tuple[str, int]] = set()
    watched = {role: _Watched(role, held, seen) for role, held in game.models.items()}
    probe.play(replace(game, models=watched))
    asked = {(role, place) for role, held in game.models.items() for place in range(len(held))}
    unused = ", ".join(sorted({role for role, _ in asked - seen}))
    _require(not unused, f"{probe} must use every model that it asks for. It does not look at all of role {unused}")


class _ByGroup(AttributeModel):
    """A model that favours a group, as one with a threshold for each does."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.underneath = model

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """(n, classes)."""
        favour = torch.zeros_like(logits := logits_of(self.underneath, x, z))
        favour[:, -1] = 0.1 * z[:, 0]
        return logits + favour


class _Watched(Sequence[TrainedModel]):
    """The models of one role, which notes which of them are looked up."""

    def __init__(self, role: str, held: Sequence[TrainedModel], seen: set[tuple[str, int]]) -> None:
        self._role, self._held, self._seen = role, held, seen

    def __len__(self) -> int:
        return len(self._held)

    @overload
    def __getitem__(self, place: int) -> TrainedModel: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[TrainedModel]: ...

    def __getitem__(self, place: int | slice) -> TrainedModel | Sequence[TrainedModel]:
        """Note the places."""
        places = range(len(self._held))[place]
        self._seen.update((self._role, each) for each in (places if isinstance(places, range) else (places,)))
        return self._held[place]


def _check_prepare(defense: Prepare, data: Data) -> None:
    """What it says that it gives records is what it gives them."""
    prepared = defense.prepare(data, generator(0, "preparation")).data
    for given, declared in ((prepared.weight, "weighs"), (prepared.targets, "sets_targets")):
        says = getattr(defense, declared)
        _require((given is not None) == says, f"{defense} must say truly in '{declared}' what it gives records")


def _check_finish(defense: Finish, data: Data) -> None:
    """It asks for clean records where it says so and nowhere else."""
    if not defense.needs_validation:
        try:
            defense.train(TOY_RECIPE, data, seed=1)
        except MissingInput as error:
            raise AssertionError(f"{defense} must set needs_validation, since it asks for clean records.") from error


def _check_data_use(defense: Defense, data: Data) -> None:
    """Replace all other records: what happens to the first one must not change."""
    batch, other = data[torch.arange(8)], data[torch.tensor([0, *range(20, 27)])]
    torch.manual_seed(0)
    model = TOY_RECIPE.build(data.schema)
    first, second = (_treatment(defense, model, records) for records in (batch, other))
    _require(_same(first, second), f"{defense} must treat a record without regard to others, as its data_use says")


def _treatment(defense: Defense, model: nn.Module, batch: Data) -> dict[str, Tensor]:
    """What a stage does to the first record of a batch."""
    rng = generator(0, "treatment")
    match defense:
        case Perturb():
            return defense.perturb(model.eval(), batch, rng)[torch.tensor([0])].tensors()
        case Prepare():
            prepared = defense.prepare(batch, rng).data
            return prepared[prepared.index == batch.index[0]].tensors()
        case Penalize():
            penalty = defense.begin(batch.schema, Pace(len(batch), len(batch), 1), 0, "cpu")
            _require(
                type(penalty).learn is Penalty.learn or defense.data_use is DataUse.DATASET,
                f"{defense} learns from other records, so its data_use must be DATASET",
            )
            compared = replace(batch, twins=penalty.twin(model.eval(), batch, rng))
            return {"penalty": penalty.penalize(model, model(batch.x), compared)[:1].detach()}
        case Update():
            return _share_of_gradient(defense, model, batch)
        case Finish():
            fitted = defense.wrap(copy.deepcopy(model))
            defense.finish(fitted, batch, Held(validation=toy_dataset(seed=1).test), rng)
            return dict(fitted.state_dict())
    return {}


def _share_of_gradient(defense: Update, model: nn.Module, batch: Data) -> dict[str, Tensor]:
    """The gradient with the first record less the gradient without it, under the same noise."""
    gradients = []
    for records in (batch, batch[torch.arange(1, len(batch))]):
        rule = defense.begin(Pace(records=64, batch_size=8, epochs=1), seed=0, device="cpu")
        model.zero_grad()
        rule.backward(
            lambda model, batch: nn.functional.cross_entropy(model(batch.x), batch.y, reduction="none"),
            model,
            records,
        )
        gradients.append({name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None})
    return {name: gradients[0][name] - gradients[1][name] for name in gradients[0]}


def _toy_outcome(metric: Metric[Any]) -> Outcome:
    for plugin in plugins():
        if (
            plugin.kind in {Kind.ATTACK, Kind.AUDIT}
            and getattr(plugin.spec, "outcome_type", None) is metric.outcome_type()
        ):
            probe = plugin.spec()
            assert isinstance(probe, Probe)  # noqa: S101
            found: Outcome | Undefined = probe.play(toy_game(probe))
            if not isinstance(found, Undefined):
                return found
    raise AssertionError(
        f"Nothing registered gives a {metric.outcome_type().__name__}; pass an outcome to check_metric."
    )


def _state(model: nn.Module) -> dict[str, Tensor]:
    flags = {f"{name}.training": torch.tensor(module.training) for name, module in model.named_modules()}
    grads = {f"{name}.requires_grad": torch.tensor(p.requires_grad) for name, p in model.named_parameters()}
    return {**{name: tensor.clone() for name, tensor in model.state_dict().items()}, **flags, **grads}


def _same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    def close(a: Tensor, b: Tensor) -> bool:
        return a.shape == b.shape and torch.allclose(a.double(), b.double(), rtol=1e-4, atol=1e-6)

    return first.keys() == second.keys() and all(close(first[name], second[name]) for name in first)


def _require(kept: bool, promise: str) -> None:
    if not kept:
        raise AssertionError(f"{promise}.")
