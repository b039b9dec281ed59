"""Tasks tried in brief, with stand-ins for the results that they need: how long each would take. Nothing is stored."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar

import torch

from amulet.core.classifier import few
from amulet.core.data import Data
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import AmuletError
from amulet.core.fitted import Fitted
from amulet.core.metric import Undefined
from amulet.core.model import predict
from amulet.core.outcome import Outcome
from amulet.core.seeds import generator
from amulet.core.user_code.containment import contained, told
from amulet.experiments.graph.plays import Exhibit, Measure, MeasureByChance, MeasureByGroup, Play, Tabulate
from amulet.experiments.graph.surroundings import known_surroundings
from amulet.experiments.graph.tasks import ModelTask, Score, Source, Task, releases_of
from amulet.experiments.planning.extrapolation import extrapolated
from amulet.experiments.planning.stand_ins import StandIns, TimeUp, kind_of
from amulet.training import timing

V = TypeVar("V")

GROWTH: Final = 4.0
"""How much more of its records, or of its iterations, a game is given than in the try before."""

FEWEST: Final = 32
"""Records of either part of the data set in the smallest sample, if there are so many."""

SMALLEST: Final = 1 / 64
"""The smallest sample, as a share of the records that the whole game uses, unless its models are slow."""

SLOW: Final = 2.0
"""Seconds for the smallest sample from which models are slow: they are then given the fewest records."""

BRIEF, BRIEFEST = 1 / 16, 1 / 64
"""The share of a probe's iterations in the first game, and in that of a probe whose iterations are long."""

PATIENCE: Final = 10.0
"""Seconds after which a game is given up when it next asks a model, and a training is not tried again."""


class Untold(AmuletError):  # noqa: N818
    """There is no estimate of a task's time; the text is the reason."""


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
        self._passes: dict[str, float] = {}
        self._long_games: dict[tuple[str, float], float] = {}
        self._alike: dict[tuple[object, ...], tuple[str, float]] = {}

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
                    return self._played_alike(task)
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

    def size(self, task: Task[Any]) -> int:
        """Bytes of the tensors of a task's result, as far as something of its kind has been tried."""
        match task:
            case Source():
                return task.encode(self._datasets[task.digest]).nbytes
            case ModelTask() if (fitted := self._models.get(kind_of(task))) is not None:
                return task.encode(fitted).nbytes
            case Play():
                found = self._outcomes.get(kind_of(task), {})
                told = {size: outcome for size, outcome in found.items() if not isinstance(outcome, Undefined)}
                return round(task.encode(told[max(told)]).nbytes * self._share(task) / max(told)) if told else 0
        return 0

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
        if kind not in self._times and self._is_slow(task):
            self._times[kind] = self._trained_on_samples(task)
        if kind not in self._times:
            for seconds in (0.0, self._seconds):
                taken, self._times[kind] = self._try(task, seconds, self._whole)
                if taken > PATIENCE:
                    break
        return self._times[kind]

    def _try(self, task: ModelTask, seconds: float, reader: StandIns) -> tuple[float, float]:
        """How long a training of a few steps takes, and how long one of all steps would."""
        recipe = task.recipe.timed(seconds)
        if recipe is None:
            raise Untold("its training function is not run for an estimate")
        fitted, taken = self._run(replace(task, recipe=recipe), reader)
        skipped = fitted.facts.get(timing.SKIPPED, 0.0)
        assert isinstance(skipped, float)  # noqa: S101 - as the stopwatch gives it
        self._models[kind_of(task)] = fitted
        return taken, taken + skipped

    def _is_slow(self, task: ModelTask) -> bool:
        """Whether the model takes long to answer on all records, as a training may ask it to beside its steps."""
        return self._pass(task) * len(self._datasets[task.source.digest].train) > PATIENCE

    def _trained_on_samples(self, task: ModelTask) -> float:
        """From trainings on samples of the records: as many epochs, of fewer steps."""
        first = self._first(task.source, 1.0, task)
        times: dict[float, float] = {}
        for size in (first, first, min(1.0, GROWTH * first)):  # the first pays for what happens once
            reader = StandIns(self._sampled(size, task.source, None), self.model)
            taken, times[size] = self._try(task, 0.0, reader)
            if taken > PATIENCE:
                break
        return extrapolated(times, 1.0)

    def _scored(self, task: Score) -> float:
        """Scores may compare all pairs of records, so their time is taken for quadratic at most."""
        self.model(task.model)

        def at(size: float) -> float:
            datasets = self._sampled(size, task.model.source, None)
            return self._run(task, StandIns(datasets, self.model))[1]

        first = self._first(task.model.source, 1.0, task.model)
        return extrapolated(_grown(at, first, 1.0, self._seconds), 1.0, degree=2)

    def _played_alike(self, task: Play) -> float:
        """As another game took of the same probe, with models of the same structure and the same releases, if any did.

        What a game takes hangs on its models' layers, not on how they were trained; in tries they are hardly trained.
        """
        roles = tuple((role.name, len(role.models), self._structure(role.tasks[0])) for role in task.cast if role.tasks)
        releases = tuple(each.digest for each in releases_of(task.seen)) if task.seen else ()
        alike = (task.probe.digest, task.source.digest, *roles, *releases)
        if alike not in self._alike:
            self._alike[alike] = (kind_of(task), self._played(task))
        kind, seconds = self._alike[alike]
        self._outcomes.setdefault(kind_of(task), self._outcomes[kind])
        return seconds

    def _structure(self, task: ModelTask) -> tuple[object, ...]:
        """The modules of a model with their settings, and the shapes of its weights."""
        model = self.model(task).model
        parts = [(type(part), *(item for item in vars(part).items() if isinstance(item[1], int | float | str)))
                 for part in model.modules()]  # fmt: skip
        return (*parts, *((name, tensor.shape) for name, tensor in model.state_dict().items()))

    def _played(self, task: Play) -> float:
        """From games with fewer records, and fewer iterations: the time is linear in either.

        A game may need more records for an outcome; one without it tells nothing of the time.
        """
        whole = self._share(task)
        first = self._first(task.source, whole, task.target)
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

    def _share(self, task: Play) -> float:
        """The share of the records that a game uses."""
        part = getattr(self._datasets[task.source.digest], task.probe.outcome_type.part)
        return float(min(1.0, (task.probe.sample() or len(part)) / len(part)))

    def _play(self, task: Play, size: float, share: float) -> float:
        """The seconds of one game; a long one is not played again."""
        brief = replace(task, probe=task.probe.briefer(share))
        known = self._long_games.get((brief.digest, size))
        if known is not None:
            return known
        datasets = self._sampled(size, task.source, task.target)
        reader = StandIns(datasets, self.model, until=timing.clock(task.backend.device) + PATIENCE)
        outcome, seconds = self._run(brief, reader)
        self._outcomes.setdefault(kind_of(task), {})[size] = outcome
        if seconds > self._seconds:
            self._long_games[brief.digest, size] = seconds
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

    def _first(self, source: Source, whole: float, model: ModelTask | None) -> float:
        """The smallest sample, as a share of the records; of fewer records if the model is slow."""
        dataset = self._datasets[source.digest]
        fewest = min(whole, FEWEST / min(len(dataset.train), len(dataset.test)))
        usual = max(fewest, SMALLEST * whole)
        slow = model is not None and usual * len(dataset.train) * self._pass(model) > SLOW
        return fewest if slow else usual

    def _pass(self, task: ModelTask) -> float:
        """Seconds that an untrained model of the kind of a task takes for the logits of a record."""
        kind, device = kind_of(task), task.backend.device
        if kind not in self._passes:
            some = few(self._datasets[task.home.digest].test).to(device)
            with contained("its code"), known_surroundings(0, device):
                model = task.build(some.schema).eval().to(device)
                for _ in range(2):  # the first pays for what happens once
                    started = timing.clock(device)
                    predict(model, some)
                    self._passes[kind] = (timing.clock(device) - started) / len(some)
        return self._passes[kind]

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
