"""A comparison of two checkpoints, as YAML describes it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

from torch import nn

from amulet.core.dataset import AmuletDataset
from amulet.core.dataset_spec import DatasetSpec
from amulet.core.errors import InvalidParameter, Problem
from amulet.core.files import StrPath
from amulet.core.metric import Metric
from amulet.core.probe import Attack, Audit
from amulet.core.spec import NonNegativeInt, Spec
from amulet.core.split import Split
from amulet.experiments.graph.entries import environment
from amulet.experiments.pairs.checkpoint import Trained
from amulet.experiments.pairs.comparison import Questions, Resamples, Told, answer
from amulet.experiments.pairs.results import PairResults
from amulet.experiments.planning.experiment import name_problems
from amulet.experiments.planning.plan import check_device
from amulet.models.weights import Unreadable
from amulet.utility import Utility


@dataclass(frozen=True)
class Pair(Spec):
    """Two checkpoints to compare on one data set, without training anything.

    Attributes:
        name: of its folder under `runs/`.
        dataset: where the records come from.
        before, after: the models.
        attacks: those that need no training.
        audits: done to both models.
        metrics, split, seed, resamples: as in `Questions`.
    """

    name: str
    dataset: DatasetSpec
    before: Trained
    after: Trained
    attacks: tuple[Attack, ...] = ()  # type: ignore[type-arg]
    audits: tuple[Audit, ...] = (Utility(),)  # type: ignore[type-arg]
    metrics: tuple[Metric, ...] = ()  # type: ignore[type-arg]
    split: Split | None = None
    seed: NonNegativeInt = 0
    resamples: Resamples | None = None

    def problems(self) -> Iterator[Problem]:
        """Of the name, and of what is asked."""
        yield from name_problems("Pair", self.name)
        try:
            _ = self.questions
        except InvalidParameter as error:
            yield from error.problems

    @property
    def questions(self) -> Questions:
        """What is asked of both models."""
        return Questions((*self.audits, *self.attacks), self.metrics, self.split, self.seed, self.resamples)


def compare_checkpoints(
    pair: Pair, folder: StrPath, device: str = "cpu", told: Told = lambda *_: None
) -> tuple[PairResults, dict[str, Any]]:
    """Load both models, compare them, and say where the numbers come from.

    Args:
        pair: what to compare.
        folder: from where the paths of the weights count.
        device: "cpu" or a CUDA device.
        told: hears of the work.

    Returns:
        The results, and their manifest: packages, machine, device, data set, seconds.

    Raises:
        InvalidParameter: weights that cannot be used, and all that `compare` finds.
    """
    check_device(device)
    started = perf_counter()
    dataset = pair.dataset.load()
    before, after = (model.to(device) for model in _models(pair, dataset, folder))
    results = answer(before, after, dataset, pair.questions, told)
    manifest = {
        **environment(),
        "device": device,
        "dataset": {"name": dataset.name, "content": dataset.content},
        "seconds": round(perf_counter() - started, 1),
    }
    return replace(results, name=pair.name, spec=pair.plain()), manifest


def _models(pair: Pair, dataset: AmuletDataset, folder: StrPath) -> list[nn.Module]:
    models, problems = [], []
    for name, trained in (("before", pair.before), ("after", pair.after)):
        try:
            models.append(trained.load(dataset.schema, folder))
        except Unreadable as error:
            problems.append(Problem(name, str(error)))
    if problems:
        raise InvalidParameter(problems)
    return models
