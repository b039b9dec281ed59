"""Which stages can be trained together, and why others cannot."""

from collections.abc import Iterable, Iterator

import torch
from torch import nn

from amulet.core.data import Schema
from amulet.core.errors import Problem
from amulet.core.model import ModelSpec
from amulet.core.seeds import isolated
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


def mixes_records(spec: ModelSpec, schema: Schema) -> Iterator[Problem]:
    """Why one record's gradient would depend on others, if so: found on the built model."""
    with isolated(0), torch.no_grad():
        model = spec.build(schema)
        records = torch.rand(3, *schema.shape) * (schema.high - schema.low) + schema.low
        alone, together = model.eval()(records[:1]), model(records)[:1]
    names = sorted({type(module).__name__ for module in model.modules() if isinstance(module, _MIXING)})
    if names:
        yield _mixing(spec, f"has {' and '.join(names)} layers, which mix the records of a batch")
    elif not torch.allclose(alone, together, atol=1e-4):
        yield _mixing(spec, "gives a record other outputs in other batches")


def _mixing(spec: ModelSpec, how: str) -> Problem:
    return Problem(
        "model",
        f"{type(spec).__name__} {how}, so differential privacy cannot be kept; build it with norm='group' "
        "(and the baseline too, to compare like with like).",
    )
