"""Metrics by sensitive group, for every outcome whose cases are records."""

from typing import Any, Final

import torch
from torch import Tensor

from amulet.core.data import Data
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidData, Problem
from amulet.core.metric import Metric, Undefined
from amulet.core.outcome import Outcome

FEWEST: Final = 30
"""The default of the fewest records that a group must have for a metric to be measured on it."""


def measure_by_group(
    metric: Metric[Any], outcome: Outcome, dataset: AmuletDataset, attribute: str, fewest: int = FEWEST
) -> dict[str, float | Undefined]:
    """The metric on the records of each group of one sensitive attribute.

    Args:
        metric: a metric of this type of outcome.
        outcome: an outcome whose cases are records.
        dataset: the data set that the records come from.
        attribute: name of the sensitive attribute; records where it is not recorded belong to no group.
        fewest: the metric is undefined on groups with fewer records than this.

    Returns:
        For each group, by its name, the value of the metric, or why it is undefined.

    Raises:
        InvalidData: the cases are not records, or the data set has no such attribute.

    Example:
        >>> from amulet.testing import TOY_RECIPE, toy_dataset
        >>> from amulet.utility import Utility
        >>> from amulet.utility.metrics import accuracy
        >>> data = toy_dataset(records=800)
        >>> outcome = Utility().audit(TOY_RECIPE.fit(data.train, seed=0).model, data.test)
        >>> sorted(measure_by_group(accuracy, outcome, data, "sex"))
        ['0', '1']
    """
    problems = [*_unit_problems(outcome), *attribute_problems(dataset, attribute)]
    if problems:
        raise InvalidData(problems)
    values = dataset.schema.attribute(attribute).values
    codes = _codes(outcome, dataset.train if outcome.part == "train" else dataset.test, attribute)
    return {group: _measured(metric, outcome, codes == code, fewest) for code, group in enumerate(values)}


def attribute_problems(dataset: AmuletDataset, attribute: str) -> list[Problem]:
    """The reasons why metrics cannot be measured by this attribute; empty if they can."""
    names = dataset.schema.attribute_names
    if attribute in names:
        return []
    known = f"one of {', '.join(names)}" if names else "left out, since the data set has no sensitive attributes"
    return [Problem.of("by_group", "Experiment", known, attribute)]


def _unit_problems(outcome: Outcome) -> list[Problem]:
    if outcome.unit == "record":
        return []
    sentence = f"The cases of {type(outcome).__name__} are of unit '{outcome.unit}', so they belong to no group."
    return [Problem("outcome", sentence)]


def _codes(outcome: Outcome, data: Data, attribute: str) -> Tensor:
    """(n,) the group code of each case, looked up by the identity of its record."""
    index: Tensor = outcome.tensors()["index"]
    order = data.index.argsort()
    places = order[torch.searchsorted(data.index[order], index.to(data.index.device)).clamp_max(len(data) - 1)]
    if not torch.equal(data.index[places].cpu(), index.cpu()):
        raise InvalidData([Problem("outcome", "The outcome is of records that this data set does not have.")])
    return data.attribute(attribute)[places].cpu()


def _measured(metric: Metric[Any], outcome: Outcome, inside: Tensor, fewest: int) -> float | Undefined:
    count = int(inside.sum())
    if count < fewest:
        return Undefined(f"the group has {count} records, and a metric by group needs at least {fewest}")
    value: float | Undefined = metric(outcome[inside])
    return value
