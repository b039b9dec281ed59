"""The one training loop. Targets, shadows and surrogates all go through it.

data = prepare(data)
for batch in rule.epoch():            the update rule draws (shuffled, or Poisson under DP-SGD)
    batch = perturb(model, batch)     in evaluation mode, and so are the twins that penalties compare with
    rule.backward(losses)             objective and penalties, record by record
    optimizer.step()
finish(model, data)
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Generator, Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from amulet.core.classifier import materialized
from amulet.core.data import Data
from amulet.core.errors import InvalidParameter
from amulet.core.fitted import Artifacts, Fitted, by_stage
from amulet.core.held import Held
from amulet.core.model import evaluating, predict
from amulet.core.seeds import derive, generator, isolated
from amulet.core.trainable import Stage
from amulet.functional.pgd import Classifier
from amulet.training.removal import Removal, ScoreOf, score_by
from amulet.training.stages import Finish, Penalize, Perturb, Prepare, Update
from amulet.training.updates import Pace, PlainRule, RecordLosses, Rule

if TYPE_CHECKING:
    from amulet.training.recipe import Recipe

S = TypeVar("S", bound=Stage)


def train(recipe: "Recipe", data: Data, seed: int, device: str, held: Held) -> Fitted:
    """A fresh model fitted to the data, each kind of randomness a stream of its own."""
    started = perf_counter()
    problems = tuple(recipe.data_problems(data.schema, len(data)))
    if problems:
        raise InvalidParameter(problems)
    data, artifacts = prepare(recipe.preparations, data.to(device), seed, score_by(recipe, held, seed, device))
    with isolated(derive(seed, "initialisation"), device):
        model = materialized(recipe.model.build(data.schema), data.schema).to(device)
    rule = rule_of(recipe, Pace(len(data), recipe.batch_size, recipe.epochs), seed, device)
    with isolated(derive(seed, "forward"), device):
        descend(recipe, rule, model.train(), data, seed)
    model, kept = _finish(recipe, model, data, seed, device)
    facts = {
        **rule.facts,
        "records": len(data),
        "train_accuracy": accuracy(model, data),
        "seconds": perf_counter() - started,
    }
    return Fitted(model.eval(), facts, {**artifacts, **kept})


def accuracy(model: nn.Module, data: Data) -> float:
    """Share of records that the model, in evaluation mode, classifies correctly."""
    with evaluating(model):
        return (predict(model, data.x).argmax(1) == data.y).double().mean().item()


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


def record_losses(recipe: "Recipe", data: Data) -> RecordLosses:
    """The loss of each record: the objective plus every penalty, times the record's weight."""
    objective, penalties = recipe.objective.fitted_to(data), recipe.stages_of(Penalize)

    def losses(model: Classifier, batch: Data) -> Tensor:
        logits = model(batch.x.clone())  # a model may work in place
        total = objective.losses(logits, batch.y)
        for place, stage in enumerate(penalties):
            total = total + stage.penalize(model, logits, _with_twin(batch, place))
        return total if batch.weight is None else total * batch.weight

    return losses


def descend(recipe: "Recipe", rule: Rule, model: nn.Module, data: Data, seed: int) -> None:
    """All epochs of one run, in place."""
    losses = record_losses(recipe, data)
    optimizer = recipe.optimizer.build(model.parameters())
    steps = recipe.epochs * rule.steps_per_epoch
    scheduler = LambdaLR(optimizer, lambda step: recipe.schedule.factor(min(step / steps, 1.0)))
    order = generator(seed, "order")
    rngs = _streams(recipe.stages_of(Perturb), seed, "perturbation", data)
    twin_rngs = _streams(recipe.stages_of(Penalize), seed, "penalty", data)
    for _ in range(recipe.epochs):
        for places in rule.epoch(order):
            batch = _perturbed(data[places.to(data.x.device)].as_inputs(), model, rngs)
            batch = _twinned(batch, model, twin_rngs)
            rule.backward(losses, model, batch)
            optimizer.step()
            scheduler.step()


def _streams(stages: Iterable[S], seed: int, name: str, data: Data) -> list[tuple[S, Generator]]:
    return [(stage, generator(seed, name, place, device=str(data.x.device))) for place, stage in enumerate(stages)]


def _perturbed(batch: Data, model: nn.Module, stages: list[tuple[Perturb, Generator]]) -> Data:
    if not stages or len(batch) == 0:
        return batch
    with evaluating(model):
        for stage, rng in stages:
            batch = stage.perturb(model, batch, rng)
    return batch


def _twinned(batch: Data, model: nn.Module, stages: list[tuple[Penalize, Generator]]) -> Data:
    """The batch with what each penalty compares it with; the records themselves for one that compares nothing."""
    if not stages or len(batch) == 0:
        return batch
    with evaluating(model):
        twins = [stage.twin(model, batch, rng) for stage, rng in stages]
    if all(twin is None for twin in twins):
        return batch
    return replace(batch, twins=torch.stack([batch.x if twin is None else twin for twin in twins], 1))


def _with_twin(batch: Data, place: int) -> Data:
    """The batch as one penalty sees it."""
    return batch if batch.twins is None else replace(batch, twins=batch.twins[:, place])


def rule_of(recipe: "Recipe", pace: Pace, seed: int, device: str) -> Rule:
    """The update rule for one run."""
    for stage in recipe.stages_of(Update):
        return stage.begin(pace, seed, device)
    return PlainRule(pace)


def _finish(recipe: "Recipe", model: nn.Module, data: Data, seed: int, device: str) -> tuple[nn.Module, Artifacts]:
    kept: list[tuple[Stage, Mapping[str, Tensor]]] = []
    for place, stage in enumerate(recipe.stages_of(Finish)):
        model = stage.wrap(model)
        kept.append((stage, stage.finish(model, data, generator(seed, "finish", place, device=device))))
    return model, by_stage(kept)
