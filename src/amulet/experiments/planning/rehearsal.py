"""Tasks tried in brief, with stand-ins for the results that they need: how long each would take. Nothing is stored."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

import torch
from torch import Tensor, nn

from amulet.core.containment import contained, told
from amulet.core.data import Data
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import AmuletError
from amulet.core.fitted import Fitted
from amulet.core.metric import Undefined
from amulet.core.model import predict
from amulet.core.outcome import Outcome
from amulet.core.seeds import generator
from amulet.experiments.graph.plays import Exhibit, Measure, MeasureByChance, MeasureByGroup, Play, Tabulate
from amulet.experiments.graph.surroundings import known_surroundings
from amulet.experiments.graph.tasks import Derive, ModelTask, Released, Score, Seen, Source, Task, Train
from amulet.experiments.planning.extrapolation import extrapolated
from amulet.training import timing
from amulet.training.removal import Scorer

V = TypeVar("V")

GROWTH: Final = 4.0
"""How much more of its records, or of its iterations, a game is given than in the try before."""

FEWEST: Final = 32
"""Records of either part of the data set in the smallest sample, if there are so many."""

SMALLEST: Final = 1 / 64
"""The smallest sample, as a share of the records that the whole game uses."""

BRIEF, BRIEFEST = 1 / 16, 1 / 64
"""The share of a probe's iterations in the first game, and in that of a probe whose iterations are long."""

PATIENCE: Final = 5.0
"""Seconds after which a game is given up when it next asks a model, and a training is not tried again."""


class Untold(AmuletError):  # noqa: N818
    """There is no estimate of a task's time; the text is the reason."""


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


class Rehearsal:
    """Times tasks by computing them in part.

    Args:
        datasets: by the digest of their sources, that under assessment first.
        stored: gives the value of a task of some kind if the store has one.
        seconds: to spend on a kind of task, more or less.
    """

    def __init__(
        self, datasets: Mapping[str, AmuletDataset], stored: Callable[[str], Any | None], seconds: float
    ) -> None:
        self._datasets, self._stored, self._seconds = datasets, stored, seconds
        self._models: dict[str, Fitted] = {}
        self._times: dict[str, float] = {}
        self._outcomes: dict[str, dict[float, Outcome | Undefined]] = {}

    def seconds(self, task: Task[Any]) -> float:
        """How long a task of this kind takes on one core.

        Raises:
            Untold: it cannot be told, and why.
        """
        try:
            match task:
                case ModelTask():
                    return self._trained(task)
                case Score():
                    return self._scored(task)
                case Play():
                    return self._played(task)
                case Measure() | MeasureByGroup() | MeasureByChance() | Tabulate():
                    return self._read(task, (task.outcome,))
                case Exhibit():
                    return self._read(task, task.plays)
        except Untold:
            raise
        except TimeUp:
            reason = f"a try took more than {PATIENCE:g} seconds"
            raise Untold(reason) from None
        except Exception as error:
            raise Untold(f"a try on few records ended with {told(error)}") from error
        raise Untold("it is not tried")

    def model(self, task: ModelTask) -> Fitted:
        """A model of the kind of the task: from the store, else trained for a few steps, else untrained."""
        kind = kind_of(task)
        if kind not in self._models:
            found = self._stored(kind)
            if found is not None:
                self._models[kind] = found
            else:
                self._train(task)
        return self._models[kind]

    def _train(self, task: ModelTask) -> None:
        try:
            self._trained(task)
        except Untold:
            schema = self._datasets[task.source.digest].schema
            with contained("its code"):
                self._models[kind_of(task)] = Fitted(task.build(schema).eval(), {})

    def _trained(self, task: ModelTask) -> float:
        """From a second try, unless the first is long, since that one pays for what happens once in a process."""
        kind = kind_of(task)
        if kind not in self._times:
            for seconds in (0.0, self._seconds):
                recipe = task.recipe.timed(seconds)
                if recipe is None:
                    raise Untold("its training function is not run for an estimate")
                fitted, taken = self._run(replace(task, recipe=recipe), self._whole)
                skipped = fitted.facts.get(timing.SKIPPED, 0.0)
                assert isinstance(skipped, float)  # noqa: S101 - as the stopwatch gives it
                self._models[kind], self._times[kind] = fitted, taken + skipped
                if taken > PATIENCE:
                    break
        return self._times[kind]

    def _scored(self, task: Score) -> float:
        """Scores may compare all pairs of records, so their time is taken for quadratic at most."""
        self.model(task.model)

        def at(size: float) -> float:
            datasets = self._sampled(size, task.model.source, None)
            return self._run(task, StandIns(datasets, self.model))[1]

        first = self._first(task.model.source, 1.0)
        return extrapolated(_grown(at, first, 1.0, self._seconds), 1.0, degree=2)

    def _played(self, task: Play) -> float:
        """From games with fewer records, and fewer iterations: the time is linear in either.

        A game may need more records for an outcome; one without it tells nothing of the time.
        """
        part = getattr(self._datasets[task.source.digest], task.probe.outcome_type.part)
        whole = min(1.0, (task.probe.sample() or len(part)) / len(part))
        first = self._first(task.source, whole)
        taken = self._play(task, first, BRIEFEST)  # the first pays for imports, look-ups and models
        by_share = {1.0: 0.0}
        if task.probe.briefer(BRIEFEST) != task.probe:
            distinct = task.probe.briefer(BRIEFEST) != task.probe.briefer(BRIEF)  # a step is the least
            start = BRIEFEST if distinct and taken > self._seconds / 8 else BRIEF
            by_share = _grown(lambda share: self._play(task, first, share), start, 1.0, self._seconds / 2)
        share = max((each for each, taken in by_share.items() if taken < self._seconds / 16), default=min(by_share))
        by_size = _grown(lambda size: self._play(task, size, share), first, whole, self._seconds / 2)
        outcomes = self._outcomes[kind_of(task)]
        telling = {size: taken for size, taken in by_size.items() if not isinstance(outcomes[size], Undefined)}
        if not telling:
            return self._play(task, whole, 1.0)
        longer = extrapolated(by_share, 1.0) / by_share[share] if share < 1 and by_share[share] else 1.0
        return extrapolated(telling, whole) * longer

    def _play(self, task: Play, size: float, share: float) -> float:
        """The seconds of one game."""
        brief = replace(task, probe=task.probe.briefer(share))
        datasets = self._sampled(size, task.source, task.target)
        reader = StandIns(datasets, self.model, until=timing.clock(task.backend.device) + PATIENCE)
        outcome, seconds = self._run(brief, reader)
        self._outcomes.setdefault(kind_of(task), {})[size] = outcome
        return seconds

    def _read(self, task: Task[Any], plays: tuple[Play, ...]) -> float:
        """From the outcomes of the shortest and the longest games, of which there is at least one of each kind."""
        kinds = [kind_of(play) for play in plays]
        found = {kind: self._outcomes.get(kind) or self._outcome(kind) for kind in kinds}
        times: dict[float, float] = {}
        for end in (min, max):
            sizes = {kind: end(outcomes) for kind, outcomes in found.items()}
            outcomes = {kind: found[kind][size] for kind, size in sizes.items()}
            reader = replace(self._whole, outcomes=outcomes)
            for _ in range(2):  # the first pays for look-ups
                times[sizes[kinds[-1]]] = self._run(task, reader)[1]
        return extrapolated(times, 1.0) if len(times) > 1 else max(times.values())

    def _outcome(self, kind: str) -> dict[float, Outcome | Undefined]:
        found = self._stored(kind)
        if found is None:
            raise Untold("the game that it is read off could not be tried")
        return {1.0: found}

    @property
    def _whole(self) -> StandIns:
        return StandIns(self._datasets, self.model)

    def _first(self, source: Source, whole: float) -> float:
        """The smallest sample, as a share of the records."""
        dataset = self._datasets[source.digest]
        return min(whole, max(SMALLEST * whole, FEWEST / min(len(dataset.train), len(dataset.test))))

    def _sampled(self, size: float, source: Source, target: ModelTask | None) -> dict[str, AmuletDataset]:
        """A share of the records of one data set, the same for all; test records of the class that the target names.

        So a target that was trained for a few steps errs on no more records than one that was trained to the end, and
        attacks that leave such records alone have as much to do.
        """
        dataset = self._datasets[source.digest]
        train, test = (_sample(data, size) for data in (dataset.train, dataset.test))
        if target is not None:
            model = self.model(target).model
            test = replace(test, y=predict(model, test.to(target.backend.device)).argmax(1).to(test.y.device))
        return {**self._datasets, source.digest: AmuletDataset(dataset.name, train, test)}

    def _run(self, task: Task[V], reader: StandIns) -> tuple[V, float]:
        device = next((part.device for part in (getattr(task, "backend", None),) if part is not None), "cpu")
        with contained("its code"), known_surroundings(getattr(task, "seed", 0), device):
            started = timing.clock(device)
            value = task.compute(reader)
            return value, timing.clock(device) - started


def _sample(data: Data, size: float) -> Data:
    if size >= 1:
        return data
    count = max(1, round(size * len(data)))
    return data[torch.randperm(len(data), generator=generator(0, "estimate"))[:count].sort().values]


def _grown(run: Callable[[float], float], first: float, last: float, seconds: float) -> dict[float, float]:
    """Times by size, each four times the one before, while that seems to fit in; else one of twice the first size."""
    times = {first: run(first)}
    while (size := max(times)) < last:
        following = min(last, GROWTH * size)
        if sum(times.values()) + times[size] * following / size > seconds:
            if len(times) > 1:
                break
            following = min(last, 2 * size)
        try:
            times[following] = run(following)
        except TimeUp:
            break
    return times
