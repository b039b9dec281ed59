"""Which stages can be trained together, and why others cannot."""

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor, nn

from amulet.core.containment import text_of
from amulet.core.data import Schema
from amulet.core.errors import Problem
from amulet.core.model import logits_of, needs_attributes
from amulet.core.seeds import generator, isolated
from amulet.core.trainable import DataUse, Slot, Stage
from amulet.training.objectives import Objective
from amulet.training.stages import Prepare

_MIXING = (nn.modules.batchnorm._BatchNorm,)  # noqa: SLF001 - the only common base of BatchNorm1d/2d/3d


def conflicts(stages: Iterable[Stage], objective: Objective) -> Iterator[Problem]:
    """Everything about stages and objective that cannot go together."""
    stages = tuple(stages)
    updates = [stage for stage in stages if stage.slot is Slot.UPDATE]
    if len(updates) > 1:
        names = " and ".join(str(stage) for stage in updates)
        yield Problem("stages", f"A recipe has room for one update rule. Got {names}.")
    for stage in stages:
        if isinstance(stage, Prepare) and stage.sets_targets and not objective.takes_targets:
            yield unlearned(str(stage), f"the objective {objective} learns classes alone")
    for private in (stage for stage in updates if stage.private):
        for stage in stages:
            if stage.data_use is DataUse.DATASET and not stage.private:
                yield _void(private, type(stage).__name__, "drop one of the two")
        if objective.data_use is DataUse.DATASET:
            yield _void(private, type(objective).__name__, "state what it counts in the data as public knowledge")


def unlearned(giver: str, reason: str) -> Problem:
    """Targets that nothing would learn."""
    return Problem("targets", f"{giver} gives records 'targets', probabilities to be learned, and {reason}.")


def _void(private: Stage, other: str, remedy: str) -> Problem:
    return Problem(
        "stages",
        f"{type(private).__name__} cannot be combined with {other}, which uses the data set as a whole: "
        f"the privacy guarantee would be void; {remedy}.",
    )


def model_problems(
    build: Callable[[Schema], nn.Module], owner: str, schema: Schema, *, private: bool
) -> Iterator[Problem]:
    """Why the model cannot be built, does not map records to logits, or cannot be trained privately, if so."""
    try:
        with isolated(0):
            model = build(schema)
    except Exception as error:  # noqa: BLE001 - whatever a user's model raises is the problem to tell
        yield Problem("model", f"{owner} cannot be built: {text_of(error)}")
        return
    found = tuple(_unusable(model, owner, schema))
    yield from found
    if private and not found:
        yield from _unfit_for_privacy(model, owner, schema)


def _unusable(model: nn.Module, owner: str, schema: Schema) -> Iterator[Problem]:
    if needs_attributes(model) and not schema.attributes:
        needed = f"{owner} is used as {type(model).__name__}, which needs the records' sensitive attributes to predict"
        yield Problem("model", f"{needed}. The data set has none.")
        return
    try:
        with isolated(0), torch.no_grad():
            shape = tuple(_outputs(model.eval(), random_records(schema, 2), schema).shape)
    except Exception as error:  # noqa: BLE001 - as above
        yield Problem("model", f"{owner} cannot take records of shape {schema.shape}: {text_of(error)}")
        return
    if shape != (2, len(schema.classes)):
        yield Problem.of("model", owner, f"a map to logits of shape (n, {len(schema.classes)})", shape)


def _unfit_for_privacy(model: nn.Module, owner: str, schema: Schema) -> Iterator[Problem]:
    """Why one record's gradient would depend on others, or statistics of the data would leak past the noise."""
    names = sorted({type(module).__name__ for module in model.modules() if isinstance(module, _MIXING)})
    before = {name: tensor.clone() for name, tensor in _kept(model)}
    if names:
        yield _unfit(owner, f"has {' and '.join(names)} layers, which mix the records of a batch")
    elif _mixes(model.eval(), schema) or _mixes(model.train(), schema):
        yield _unfit(owner, "gives a record other outputs in other batches")
    elif any(not torch.equal(tensor, before.get(name, torch.empty(0))) for name, tensor in _kept(model)):
        yield _unfit(owner, "keeps running statistics of the data")


def _mixes(model: nn.Module, schema: Schema) -> bool:
    """Compared in batches of one size under one seed, so that dropout is the same in both."""
    first, second = (_first_output(model, schema, places) for places in ([0, 1, 2], [0, 3, 4]))
    return not torch.allclose(first, second, atol=1e-4)


def _first_output(model: nn.Module, schema: Schema, places: list[int]) -> Tensor:
    with isolated(0), torch.no_grad():
        return _outputs(model, random_records(schema, 5)[places], schema)[0]


def _outputs(model: nn.Module, x: Tensor, schema: Schema) -> Tensor:
    """What a model makes of inputs; sensitive attributes, where it needs them, have their first value."""
    return logits_of(model, x, torch.zeros(len(x), len(schema.attributes), dtype=torch.int64))


def _kept(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Tensors that the model holds beside its parameters: buffers, and plain attributes of any module."""
    yield from model.named_buffers()
    for name, module in model.named_modules():
        yield from ((f"{name}.{key}", value) for key, value in vars(module).items() if isinstance(value, Tensor))


def random_records(schema: Schema, count: int) -> Tensor:
    """Inputs within the bounds, the same every time."""
    uniform = torch.rand(count, *schema.shape, generator=generator(0, "probing records"))
    return uniform * (schema.high - schema.low) + schema.low


def _unfit(owner: str, how: str) -> Problem:
    return Problem(
        "model",
        f"{owner} {how}, so differential privacy cannot be kept; build it with norm='group' "
        "(and the baseline too, to compare like with like).",
    )
