"""Train the models that an attack or audit asks for, as an assessment would, but keep them in memory."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from amulet.core.dataset import AmuletDataset, require_dataset
from amulet.core.errors import InvalidParameter
from amulet.core.probe import Game, Probe
from amulet.core.split import Split
from amulet.core.threat import Models
from amulet.core.trainable import Defense, Trainable, released
from amulet.experiments.graph.tasks import Backend, Source, Task
from amulet.experiments.planning.bench import Bench
from amulet.experiments.planning.checks import probe_problems, request_problems
from amulet.experiments.planning.defended import defended

V = TypeVar("V")


class Memory:
    """Gives the results of tasks. Each task is computed when its result is first asked for, and kept in memory."""

    def __init__(self, datasets: Iterable[AmuletDataset]) -> None:
        self._values: dict[str, Any] = {source_of(dataset).digest: dataset for dataset in datasets}

    def load(self, task: Task[V]) -> V:
        """The result of a task."""
        if task.digest not in self._values:
            self._values[task.digest] = task.compute(self)
        value: V = self._values[task.digest]
        return value


def source_of(dataset: AmuletDataset) -> Source:
    """The task that stands for a data set, by its name and content."""
    return Source(dataset.name, dataset.content)


def models_for(
    probe: Probe[Any],
    recipe: Trainable,
    dataset: AmuletDataset,
    split: Split,
    *,
    defenses: Sequence[Defense] = (),
    device: str = "cpu",
) -> Models:
    """The models that an attack or audit asks for, by role; each is trained when it is first looked up.

    They equal those of an assessment with the same recipe, records and seed, so that a probe that is run by hand gives
    the same outcome. To the last bit they do so only with one thread, as tasks have: call `torch.set_num_threads(1)`
    first. The model under assessment is among them, under "target".

    Args:
        probe: the attack or audit.
        recipe: how the undefended model is trained.
        dataset: the data set.
        split: who holds which training records; its seed decides all random choices.
        defenses: the defenses of the model under assessment, applied to the recipe in this order.
        device: the device that trains the models.

    Raises:
        InvalidParameter: the data set lacks something that the probe needs, or has too few records for it.

    Example:
        >>> from amulet.core.split import Split
        >>> from amulet.membership_inference.attacks import LiRA
        >>> from amulet.testing import TOY_RECIPE, toy_dataset
        >>> models = models_for(LiRA(shadows=4), TOY_RECIPE, toy_dataset(), Split())
        >>> {role: len(held) for role, held in models.items()}
        {'target': 1, 'shadow': 4}
    """
    return game_for(probe, recipe, dataset, split, defenses=defenses, device=device).models


def game_for(
    probe: Probe[Any],
    recipe: Trainable,
    dataset: AmuletDataset,
    split: Split,
    *,
    defenses: Sequence[Defense] = (),
    device: str = "cpu",
) -> Game:
    """The models, records and seed that an assessment would give the probe. Arguments and errors as in `models_for`."""
    require_dataset(dataset, "dataset", "models_for")
    others = {spec: spec.load() for spec in probe.sources(split)}
    sources = {spec: source_of(other) for spec, other in others.items()}
    bench = Bench(
        defended(recipe, defenses),
        recipe,
        source_of(dataset),
        split,
        Backend(device),
        others=sources,
        releases=released(defenses),
    )
    problems = list(probe_problems([probe], (), dataset, split))
    problems = problems or list(request_problems(bench, [probe], dataset, others))
    if problems:
        raise InvalidParameter(problems)
    return bench.play(probe).game(Memory([dataset, *others.values()]))
