"""Stand-ins for results that nobody has computed, so that a task can be tried without its inputs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from amulet.core.data import Data
from amulet.core.dataset import AmuletDataset
from amulet.core.fitted import Fitted
from amulet.experiments.graph.plays import Exhibit, Measure, MeasureByChance, MeasureByGroup, Play, Tabulate
from amulet.experiments.graph.tasks import Derive, ModelTask, Released, Score, Seen, Source, Task, Train
from amulet.training import timing
from amulet.training.removal import Scorer


class TimeUp(Exception):  # noqa: N818
    """A try takes too long."""


def kind_of(task: Task[Any] | Seen) -> str:
    """Tasks of one kind differ in their seeds alone, so that one stands for all."""
    match task:
        case Train():
            parts: tuple[object, ...] = (task.recipe.digest, type(task.draw), task.source.digest)
        case Derive():
            parts = (task.method.digest, task.recipe.digest, type(task.draw), kind_of(task.parent))
        case Score():
            parts = (task.scorer.digest, kind_of(task.model))
        case Play():
            parts = (task.probe.digest, kind_of(task.seen) if task.seen else None)
        case Measure() | MeasureByGroup() | MeasureByChance():
            parts = (task.metric.digest, task.outcome.probe.digest)
        case Tabulate():
            parts = (task.outcome.probe.digest,)
        case Exhibit():
            parts = (task.probe.digest,)
        case Released():
            parts = (kind_of(task.model), *(each.digest for each in task.releases))
        case _:
            parts = (task.digest,)
    return " ".join(str(part) for part in (type(task).__name__, *parts))


@dataclass(frozen=True)
class Unscored(Scorer):
    """In place of a scorer: every record is worth the same."""

    needs_validation = False

    def score(self, model: nn.Module, data: Data, validation: Data | None) -> Tensor:
        """(n,) zeros."""
        del model, validation
        return torch.zeros(len(data), dtype=torch.float64)


@dataclass(frozen=True)
class StandIns:
    """A reader of results that nobody has computed.

    Attributes:
        datasets: by the digest of their sources, whole or a sample.
        model: gives a model of the kind of a task.
        outcomes: of games, by their kind.
        until: when the models that it gives refuse to answer, as `timing.clock` tells the time.
    """

    datasets: Mapping[str, AmuletDataset]
    model: Callable[[ModelTask], Fitted]
    outcomes: Mapping[str, Any] = field(default_factory=dict)
    until: float = float("inf")

    def load(self, task: Task[Any]) -> Any:
        """Something of the form of the task's value; models are rebuilt each time, as from the store."""
        match task:
            case Source():
                return self.datasets[task.digest]
            case Score():
                return replace(task, scorer=Unscored()).compute(self)
            case Play():
                return self.outcomes[kind_of(task)]
            case ModelTask():
                fitted = task.decode(task.encode(self.model(task)), self)
                if self.until < float("inf"):
                    fitted.model.register_forward_pre_hook(lambda *_: self._check(task.backend.device))
                return fitted
        raise TypeError(f"There is no stand-in for {task}.")

    def _check(self, device: str) -> None:
        if timing.clock(device) > self.until:
            raise TimeUp
