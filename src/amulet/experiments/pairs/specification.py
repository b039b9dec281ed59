"""The comparison of two checkpoints that a YAML file specifies."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

from torch import nn

from amulet.core.dataset import AmuletDataset
from amulet.core.dataset_spec import DatasetSpec
from amulet.core.errors import InvalidParameter, Problem
from amulet.core.metric import Metric
from amulet.core.probe import Attack, Audit
from amulet.core.spec import NonNegativeInt, Spec
from amulet.core.split import Split
from amulet.core.storage.files import StrPath
from amulet.experiments.pairs.checkpoint import Trained
from amulet.experiments.pairs.comparison import answer
from amulet.experiments.pairs.questions import Questions, Resamples, Told
from amulet.experiments.pairs.results import PairResults
from amulet.experiments.planning.experiment import name_problems
from amulet.experiments.planning.plan import check_device
from amulet.experiments.results.files.manifest import manifest_of_models
from amulet.models.weights import Unreadable
from amulet.utility import Utility


@dataclass(frozen=True)
class Pair(Spec):
    """Two checkpoints to compare on one data set, without training anything.

    Attributes:
        name: the name of the comparison, and of its folder under `runs/`.
        dataset: the data set.
        before, after: the two models.
        attacks: attacks that need no training.
        audits: audits of both models.
        metrics, split, seed, resamples, by_group: as in `Questions`.
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
    by_group: tuple[str, ...] = ()

    def problems(self) -> Iterator[Problem]:
        """The problems of the name, of attacks, audits and metrics, and of the resamples."""
        yield from name_problems("Pair", self.name)
        try:
            _ = self.questions
        except InvalidParameter as error:
            yield from error.problems

    @property
    def questions(self) -> Questions:
        """The attacks, audits, metrics and settings of the comparison as one value."""
        probes = (*self.audits, *self.attacks)
        return Questions(probes, self.metrics, self.split, self.seed, self.resamples, self.by_group)


def compare_checkpoints(
    pair: Pair, folder: StrPath, device: str = "cpu", told: Told = lambda *_: None
) -> tuple[PairResults, dict[str, Any]]:
    """Load both models, compare them, and record what computed the numbers.

    Args:
        pair: the comparison.
        folder: the folder that relative paths of weights start from.
        device: "cpu" or a CUDA device.
        told: called as the work advances.

    Returns:
        The results, and their manifest: packages, machine, device, data set, seconds.

    Raises:
        InvalidParameter: weights cannot be used, or `compare` finds a problem.
    """
    check_device(device)
    started = perf_counter()
    dataset = pair.dataset.load()
    before, after = (model.to(device) for model in _models(pair, dataset, folder))
    results = answer(before, after, dataset, pair.questions, told)
    manifest = manifest_of_models(dataset, device, perf_counter() - started)
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
