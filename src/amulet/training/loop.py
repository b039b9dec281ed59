"""The one training loop. Targets, shadows and surrogates all go through it.

data = prepare(data)
for batch in rule.epoch():            the update rule draws (shuffled, or Poisson under DP-SGD)
    batch = perturb(model, batch)     in evaluation mode, and so are the twins that penalties compare with
    optimizer.zero_grad()
    rule.backward(losses)             objective and penalties, record by record
    optimizer.step()
finish(model, data)
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from time import perf_counter
from typing import Protocol, TypeVar

import torch
from torch import Generator, Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from amulet.core.classifier import materialized
from amulet.core.data import Data, Schema
from amulet.core.errors import InvalidParameter, Problem
from amulet.core.fitted import Artifacts, Fact, Fitted, by_stage
from amulet.core.held import Held
from amulet.core.model import ModelSpec, evaluating, filled, logits_of, predict, wrapped
from amulet.core.seeds import derive, generator, isolated
from amulet.core.trainable import Stage
from amulet.functional.perturbations.pgd import Classifier
from amulet.training.objectives import Objective
from amulet.training.optimizers import Optimizer, Schedule
from amulet.training.penalty import Penalty
from amulet.training.removal import Removal, ScoreOf
from amulet.training.stages import Finish, Penalize, Perturb, Prepare, Update
from amulet.training.updates import Pace, PlainRule, RecordLosses, Rule

S = TypeVar("S", bound=Stage)
A = TypeVar("A")


class Looped(Protocol):
    """What the loop reads of a recipe."""

    @property
    def model(self) -> ModelSpec: ...
    @property
    def epochs(self) -> int: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def optimizer(self) -> Optimizer: ...
    @property
    def schedule(self) -> Schedule: ...
    @property
    def objective(self) -> Objective: ...
    @property
    def preparations(self) -> tuple[Stage, ...]: ...

    def stages_of(self, kind: type[S]) -> tuple[S, ...]:
        """The stages of one slot, in their order."""

    def data_problems(self, schema: Schema, records: int) -> Iterator[Problem]:
        """Why it cannot be fitted to so many records of this kind, if so."""

    def record_problems(self, data: Data) -> Iterator[Problem]:
        """What the records hold that training would ignore, if so."""


def train(
    recipe: Looped, data: Data, seed: int, device: str, held: Held, score: ScoreOf, *, with_accuracy: bool
) -> Fitted:
    """A fresh model fitted to the data, each kind of randomness a stream of its own."""
    started = perf_counter()
    problems = tuple(recipe.data_problems(data.schema, len(data)))
    if problems:
        raise InvalidParameter(problems)
    data, artifacts = prepare(recipe.preparations, data.to(device), seed, score)
    ignored = tuple(recipe.record_problems(data))
    if ignored:
        raise InvalidParameter(ignored)
    with isolated(derive(seed, "initialisation"), device):
        model = materialized(recipe.model.build(data.schema), data.schema).to(device)
    pace = Pace(len(data), recipe.batch_size, recipe.epochs)
    rule, penalties = rule_of(recipe, pace, seed, device), penalties_of(recipe, data.schema, pace, seed, device)
    with isolated(derive(seed, "forward"), device):
        descend(recipe, rule, penalties, model.train(), data, seed)
    learned = by_stage((stage, penalty.artifacts) for stage, penalty in penalties)
    model, kept = _finish(recipe, model, data, held, seed)
    facts: dict[str, Fact] = {
        **rule.facts,
        "records": len(data),
        "seconds": perf_counter() - started,
    }
    if with_accuracy:
        facts["train_accuracy"] = accuracy(model, data)
    known = _with_facts(facts, [penalty for _, penalty in penalties])
    return Fitted(model.eval(), known, {**artifacts, **learned, **kept})


def _with_facts(facts: Mapping[str, Fact], penalties: Iterable[Penalty]) -> Mapping[str, Fact]:
    """All facts; of a second one of the same name, as of two stages of one class, the name is "name 2"."""
    found = dict(facts)
    for name, fact in (item for penalty in penalties for item in penalty.facts.items()):
        names = (name if number == 1 else f"{name} {number}" for number in count(1))
        found[next(free for free in names if free not in found)] = fact
    return found


def accuracy(model: nn.Module, data: Data) -> float:
    """Share of records that the model, in evaluation mode, classifies correctly."""
    with evaluating(model):
        return (predict(model, data).argmax(1) == data.y).double().mean().item()


def prepare(stages: Iterable[Stage], data: Data, seed: int, score: ScoreOf) -> tuple[Data, Artifacts]:
    """The data after every preparation, and what the owner keeps of each."""
    kept: list[tuple[Stage, Mapping[str, Tensor]]] = []
    for place, stage in enumerate(stages):
        rng = generator(seed, "preparation", place, device=str(data.x.device))
        if isinstance(stage, Removal):
            removals = sum(isinstance(earlier, Removal) for earlier, _ in kept)
            prepared = stage.remove(data, score(stage, data, removals), rng)
        else:
            assert isinstance(stage, Prepare)  # noqa: S101 - what else acts in this slot
            prepared = stage.prepare(data, rng)
        data = prepared.data
        kept.append((stage, prepared.artifacts))
    return data, by_stage(kept)


def record_losses(recipe: Looped, data: Data, penalties: Sequence[Penalty] | None = None) -> RecordLosses:
    """The loss of each record: the objective plus every penalty, times the record's weight.

    Args:
        recipe: has the objective and the stages.
        data: the training records, off which an objective may read something.
        penalties: of the run; those of a new one by default.
    """
    if penalties is None:
        pace = Pace(len(data), recipe.batch_size, recipe.epochs)
        penalties = [penalty for _, penalty in penalties_of(recipe, data.schema, pace, 0, str(data.x.device))]
    objective = recipe.objective.fitted_to(data)
    for penalty in penalties:
        penalty.joins(objective)
    return _losses(objective, penalties)


def _losses(objective: Objective, penalties: Sequence[Penalty]) -> RecordLosses:

    def losses(model: Classifier, batch: Data) -> Tensor:
        classify = filled(model, batch)
        logits = classify(batch.x.clone())  # a model may work in place
        total = objective.losses(logits, batch)
        for place, penalty in enumerate(penalties):
            total = total + penalty.penalize(classify, logits, _with_twin(batch, place))
        return total if batch.weight is None else total * batch.weight

    return losses


def descend(
    recipe: Looped,
    rule: Rule,
    penalties: Sequence[tuple[Penalize, Penalty]],
    model: nn.Module,
    data: Data,
    seed: int,
) -> None:
    """All epochs of one run, in place."""
    losses = record_losses(recipe, data, [penalty for _, penalty in penalties])
    optimizer = recipe.optimizer.build(model.parameters())
    steps = recipe.epochs * rule.steps_per_epoch
    scheduler = LambdaLR(optimizer, lambda step: recipe.schedule.factor(min(step / steps, 1.0)))
    order = generator(seed, "order")
    rngs = _streams(recipe.stages_of(Perturb), seed, "perturbation", data)
    twin_rngs = _streams([penalty for _, penalty in penalties], seed, "penalty", data)
    for _ in range(recipe.epochs):
        for places in rule.epoch(order):
            batch = _perturbed(data.at(places.to(data.x.device)).as_inputs(), model, rngs)
            batch = _twinned(batch, model, twin_rngs)
            _learn(batch, model, [penalty for _, penalty in penalties])
            optimizer.zero_grad()
            rule.backward(losses, model, batch)
            optimizer.step()
            scheduler.step()


def _streams(stages: Iterable[A], seed: int, name: str, data: Data) -> list[tuple[A, Generator]]:
    return [(stage, generator(seed, name, place, device=str(data.x.device))) for place, stage in enumerate(stages)]


def _perturbed(batch: Data, model: nn.Module, stages: list[tuple[Perturb, Generator]]) -> Data:
    if not stages or len(batch) == 0:
        return batch
    with evaluating(model):
        for stage, rng in stages:
            batch = stage.perturb(filled(model, batch), batch, rng)
    return batch


def _twinned(batch: Data, model: nn.Module, stages: list[tuple[Penalty, Generator]]) -> Data:
    """The batch with what each penalty compares it with; the records themselves for one that compares nothing."""
    if not stages or len(batch) == 0:
        return batch
    with evaluating(model):
        twins = [penalty.twin(filled(model, batch), batch, rng) for penalty, rng in stages]
    if all(twin is None for twin in twins):
        return batch
    return replace(batch, twins=torch.stack([batch.x if twin is None else twin for twin in twins], 1))


def _learn(batch: Data, model: nn.Module, penalties: Sequence[Penalty]) -> None:
    """Train what penalties hold, once a batch: a loss may be asked for several times, and changes nothing."""
    learners = [place for place, penalty in enumerate(penalties) if type(penalty).learn is not Penalty.learn]
    if not learners or len(batch) == 0:
        return
    with evaluating(model), torch.no_grad():
        logits = logits_of(model, batch.x.clone(), batch.z)
    for place in learners:
        penalties[place].learn(logits, _with_twin(batch, place))


def _with_twin(batch: Data, place: int) -> Data:
    """The batch as one penalty sees it."""
    return batch if batch.twins is None else replace(batch, twins=batch.twins[:, place])


def penalties_of(
    recipe: Looped, schema: Schema, pace: Pace, seed: int, device: str
) -> tuple[tuple[Penalize, Penalty], ...]:
    """Each penalty of the run, whose own network, if it has one, is initialised from a stream of its own."""
    found = []
    for place, stage in enumerate(recipe.stages_of(Penalize)):
        own_seed = derive(seed, "penalty of a run", place)
        with isolated(own_seed, device):
            found.append((stage, stage.begin(schema, pace, own_seed, device)))
    return tuple(found)


def rule_of(recipe: Looped, pace: Pace, seed: int, device: str) -> Rule:
    """The update rule of one run."""
    for stage in recipe.stages_of(Update):
        return stage.begin(pace, seed, device)
    return PlainRule(pace)


def _finish(recipe: Looped, model: nn.Module, data: Data, held: Held, seed: int) -> tuple[nn.Module, Artifacts]:
    kept: list[tuple[Stage, Mapping[str, Tensor]]] = []
    if held.validation is not None:
        held = replace(held, validation=held.validation.to(data.x.device))
    for place, stage in enumerate(recipe.stages_of(Finish)):
        if stage.needs_validation:
            held.require_validation(stage)
        model = wrapped(model, stage.wrap).to(data.x.device)
        rng = generator(seed, "finish", place, device=str(data.x.device))
        kept.append((stage, stage.finish(model, data, held, rng)))
    return model, by_stage(kept)
