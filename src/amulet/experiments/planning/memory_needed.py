"""How much memory a task of a plan needs, at most and roughly, for clusters that reserve it."""

from typing import Final

from amulet.core.user_code.containment import contained
from amulet.experiments.graph.plays import Play
from amulet.experiments.graph.tasks import ModelTask
from amulet.experiments.planning.plan import Plan

GIGABYTE: Final = 2**30
PROCESS: Final = 1.5 * GIGABYTE
"""Bytes of a process that has imported torch and Amulet and has no data."""
COPIES: Final = 6
"""How often the records of a data set may be in memory: read, selected, shuffled and predicted on."""
STATES: Final = 4
"""How often the weights of a model may be: themselves, their gradients, and what the optimizer keeps."""


def gigabytes_needed(planned: Plan) -> float:
    """Gigabytes that are enough for any task of the plan, unless an attack or a model holds much more than its records.

    A process with torch, the records of the largest data set a few times, and all models of the largest game.
    """
    records = max(dataset.train.x.nbytes + dataset.test.x.nbytes for _, dataset in planned.sources)
    games = (sum(len(role.models) for role in task.cast) for task in planned.tasks if isinstance(task, Play))
    weights = max((_bytes(task, planned) for task in _architectures(planned)), default=0)
    return (PROCESS + COPIES * records + (max(games, default=1) + STATES) * weights) / GIGABYTE


def _architectures(planned: Plan) -> list[ModelTask]:
    """One task for each architecture that is trained."""
    found = {task.recipe.digest: task for task in planned.tasks if isinstance(task, ModelTask)}
    return list(found.values())


def _bytes(task: ModelTask, planned: Plan) -> int:
    """Of the weights and buffers of a model."""
    sources = {source.digest: dataset for source, dataset in planned.sources}
    with contained("its code"):
        model = task.build(sources[task.home.digest].schema)
    return sum(tensor.nbytes for tensor in model.state_dict().values())
