"""The audit of one checkpoint that a YAML file specifies."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, Literal

from amulet.core.data import Data
from amulet.core.dataset import AmuletDataset
from amulet.core.dataset_spec import DatasetSpec
from amulet.core.errors import InvalidParameter, Problem
from amulet.core.metric import Metric
from amulet.core.model import ModelSpec
from amulet.core.probe import Attack, Audit
from amulet.core.spec import NonNegativeInt, Spec
from amulet.core.split import Split
from amulet.core.storage.files import StrPath
from amulet.experiments.model_audit.auditing import ModelQuestions, answer
from amulet.experiments.model_audit.results import AuditResults
from amulet.experiments.pairs.checkpoint import Trained
from amulet.experiments.pairs.questions import Resamples, Told
from amulet.experiments.planning.experiment import name_problems
from amulet.experiments.planning.plan import check_device
from amulet.experiments.results.files.manifest import manifest_of_models
from amulet.models.weights import Unreadable


@dataclass(frozen=True)
class ModelAudit(Spec):
    """One checkpoint to audit on one data set, without training anything.

    Attributes:
        name: the name of the audit, and of its folder under `runs/`.
        dataset: the data set.
        model: the architecture of the checkpoint.
        members: "train" if the model was trained on all training records of the data set, whose test records are then
            the others; None if it is not known what it was trained on.
        split: if given, the model was trained on its members, as in an assessment, and its auxiliary records are the
            others.
        attacks, audits: None for all registered ones with their default settings.
        metrics, seed, resamples: as in `ModelQuestions`.
    """

    name: str
    dataset: DatasetSpec
    model: ModelSpec
    members: Literal["train"] | None = None
    split: Split | None = None
    attacks: tuple[Attack, ...] | None = None  # type: ignore[type-arg]
    audits: tuple[Audit, ...] | None = None  # type: ignore[type-arg]
    metrics: tuple[Metric, ...] = ()  # type: ignore[type-arg]
    seed: NonNegativeInt = 0
    resamples: Resamples = 1000

    def problems(self) -> Iterator[Problem]:
        """The problems of the name, of records that are named twice, and of attacks, audits and metrics."""
        yield from name_problems("ModelAudit", self.name)
        if self.members is not None and self.split is not None:
            yield Problem("members", "The 'members' and the 'split' both say what the model was trained on. Keep one.")
        try:
            _ = self.questions
        except InvalidParameter as error:
            yield from error.problems

    @property
    def questions(self) -> ModelQuestions:
        """The attacks, audits, metrics and settings as one value."""
        named = None if self.attacks is None and self.audits is None else (*(self.audits or ()), *(self.attacks or ()))
        return ModelQuestions(named, self.metrics, self.seed, self.resamples)

    def held(self, dataset: AmuletDataset) -> dict[str, Data]:
        """The records that the model was trained on and others, by name; empty if they are not known."""
        if self.split is not None:
            division = self.split.divide(len(dataset.train))
            return {"members": dataset.train[division.members], "others": dataset.train[division.auxiliary]}
        return {"members": dataset.train, "others": dataset.test} if self.members else {}


def audit_checkpoint(
    asked: ModelAudit, weights: StrPath, device: str = "cpu", told: Told = lambda *_: None
) -> tuple[AuditResults, dict[str, Any]]:
    """Load a model, audit it, and record what computed the numbers.

    Args:
        asked: the audit.
        weights: the file of the model's weights.
        device: "cpu" or a CUDA device.
        told: called as the work advances.

    Returns:
        The results, and their manifest: packages, machine, device, data set, seconds.

    Raises:
        InvalidParameter: the weights cannot be used, or `audit` finds a problem.
    """
    check_device(device)
    started = perf_counter()
    dataset = asked.dataset.load()
    try:
        model = Trained(asked.model, str(weights)).load(dataset.schema, ".").to(device)
    except Unreadable as error:
        raise InvalidParameter([Problem("weights", str(error))]) from None
    results = answer(model, dataset, asked.questions, told=told, **asked.held(dataset))
    manifest = manifest_of_models(dataset, device, perf_counter() - started)
    ((path, settings),) = asked.plain().items()
    ((_, found),) = results.spec.items()  # type: ignore[union-attr]
    kept = {name: value for name, value in settings.items() if name not in {"attacks", "audits"}}  # type: ignore[union-attr]
    return replace(results, name=asked.name, spec={path: kept | {"probes": found["probes"]}}), manifest  # type: ignore[index,call-overload]
