"""Checks that two models can be compared: their outputs for some records, and their devices."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn

from amulet.core.classifier import classifier_problems, few
from amulet.core.data import Data
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidData, Problem
from amulet.core.model import device_of, evaluating, predict
from amulet.core.probe import Probe
from amulet.core.roles import TARGET


def model_problems(
    models: Sequence[nn.Module], dataset: AmuletDataset, probes: Sequence[Probe[Any]]
) -> Iterator[Problem]:
    """The problems of two models, each by itself, and if there are none, whether they are on one device."""
    found = [
        problem
        for name, model in zip(("before", "after"), models, strict=True)
        for problem in unusable(model, dataset, probes, parameter=name, owner="compare", subject=f"The model '{name}'")
    ]
    yield from found
    devices = [] if found else [str(device_of(model)) for model in models]
    if len(set(devices)) > 1:
        yield Problem("after", f"Both models must lie on one device. Got {devices[0]} and {devices[1]}.")


def unusable(
    model: nn.Module, dataset: AmuletDataset, probes: Sequence[Probe[Any]], *, parameter: str, owner: str, subject: str
) -> Iterator[Problem]:
    """The reasons why a model cannot be probed: problems of its outputs, or what probes need and it lacks.

    Args:
        model: a trained model.
        dataset: the records that it is tried on.
        probes: attacks and audits.
        parameter: under which name the model was given.
        owner: what was given the model.
        subject: what the model is called in sentences.
    """
    some = few(dataset.test)
    found = tuple(classifier_problems(model, some, parameter=parameter, owner=owner, name=subject))
    yield from found
    if found:
        return
    if not _is_finite(model, some):
        yield Problem(parameter, f"{subject} gives NaN or infinity.")
        return
    for probe in probes:
        for sentence in probe.model_demands(TARGET, model, some):
            yield Problem(parameter, f"{subject}: {sentence}")


def _is_finite(model: nn.Module, some: Data) -> bool:
    try:
        with evaluating(model):
            return bool(torch.isfinite(predict(model, some.to(device_of(model)))).all())
    except InvalidData:  # of NaN
        return False
