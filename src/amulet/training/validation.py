"""Which stages can be trained together, and why others cannot."""

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor, nn

from amulet.core.data import Schema
from amulet.core.errors import Problem
from amulet.core.seeds import generator, isolated
from amulet.training.objectives import Objective
from amulet.training.stages import DataUse, Slot, Stage

_MIXING = (nn.modules.batchnorm._BatchNorm,)  # noqa: SLF001 - the only common base of BatchNorm1d/2d/3d


def conflicts(stages: Iterable[Stage], objective: Objective) -> Iterator[Problem]:
    """Everything about stages and objective that cannot go together."""
    stages = tuple(stages)
    updates = [stage for stage in stages if stage.slot is Slot.UPDATE]
    if len(updates) > 1:
        names = " and ".join(str(stage) for stage in updates)
        yield Problem("stages", f"A recipe has room for one update rule. Got {names}.")
    for private in (stage for stage in updates if stage.private):
        for stage in stages:
            if stage.data_use is DataUse.DATASET and not stage.private:
                yield _void(private, type(stage).__name__, "drop one of the two")
        if objective.data_use is DataUse.DATASET:
            yield _void(private, type(objective).__name__, "state what it counts in the data as public knowledge")


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
        yield Problem("model", f"{owner} cannot be built: {error}")
        return
    found = tuple(_unusable(model, owner, schema))
    yield from found
    if private and not found:
        yield from _unfit_for_privacy(model, owner, schema)


def _unusable(model: nn.Module, owner: str, schema: Schema) -> Iterator[Problem]:
    try:
        with isolated(0), torch.no_grad():
            shape = tuple(model.eval()(random_records(schema, 2)).shape)
    except Exception as error:  # noqa: BLE001 - as above
        yield Problem("model", f"{owner} cannot take records of shape {schema.shape}: {error}")
        return
    if shape != (2, len(schema.classes)):
        yield Problem.of("model", owner, f"a map to logits of shape (n, {len(schema.classes)})", shape)


def _unfit_for_privacy(model: nn.Module, owner: str, schema: Schema) -> Iterator[Problem]:
    """Why one record's gradient would depend on others, or statistics of the data would leak past the noise."""
    names = sorted({type(module).__name__ for module in model.modules() if isinstance(module, _MIXING)})
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    if names:
        yield _unfit(owner, f"has {' and '.join(names)} layers, which mix the records of a batch")
    elif _mixes(model.eval(), schema) or (not _is_random(model.train(), schema) and _mixes(model, schema)):
        yield _unfit(owner, "gives a record other outputs in other batches")
    elif any(not torch.equal(buffer, before[name]) for name, buffer in model.named_buffers()):
        yield _unfit(owner, "keeps running statistics of the data in its buffers")


def _mixes(model: nn.Module, schema: Schema) -> bool:
    return not torch.allclose(_outputs(model, schema, 1), _outputs(model, schema, 3)[:1], atol=1e-4)


def _is_random(model: nn.Module, schema: Schema) -> bool:
    """Whether the model draws, as dropout does, so that two batches cannot be compared in this mode."""
    return not torch.allclose(_outputs(model, schema, 3, seed=1), _outputs(model, schema, 3, seed=2), atol=1e-4)


def _outputs(model: nn.Module, schema: Schema, count: int, seed: int = 0) -> Tensor:
    with isolated(seed), torch.no_grad():
        outputs: Tensor = model(random_records(schema, 3)[:count].clone())
    return outputs


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
