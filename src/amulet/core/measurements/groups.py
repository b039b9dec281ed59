"""The groups of sensitive attributes, and metrics by group for every outcome whose cases are records."""

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod
from typing import Any, Final, TypeAlias

import torch
from torch import Tensor

from amulet.core.data import Data, Schema
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidData, Problem
from amulet.core.metric import Metric, Undefined
from amulet.core.outcome import Outcome

Combined: TypeAlias = str | tuple[str, ...]
"""One sensitive attribute, or several, whose groups are the combinations of their values."""

FEWEST: Final = 30
"""The default of the fewest records of a group for a metric to be measured on it, or for its rates to be compared."""

MOST_GROUPS: Final = 50
"""The most groups that records are divided into; an attribute with more values is a quantity, or has rare values."""


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
    codes = group_codes(outcome, dataset, attribute)
    return {group: _measured(metric, outcome, codes == code, fewest) for code, group in enumerate(values)}


def group_codes(outcome: Outcome, dataset: AmuletDataset, attribute: str) -> Tensor:
    """(n,) the code of the group that each case belongs to, looked up by the identity of its record; -1 for none.

    Raises:
        InvalidData: cases are of records that the data set does not have.
    """
    data = dataset.train if outcome.part == "train" else dataset.test
    index: Tensor = outcome.tensors()["index"]
    order = data.index.argsort()
    places = order[torch.searchsorted(data.index[order], index.to(data.index.device)).clamp_max(len(data) - 1)]
    if not torch.equal(data.index[places].cpu(), index.cpu()):
        raise InvalidData([Problem("outcome", "The outcome is of records that this data set does not have.")])
    return data.attribute(attribute)[places].cpu()


def names_of(combined: Combined) -> tuple[str, ...]:
    """The names of the attributes that are combined; one that is not combined is alone."""
    return (combined,) if isinstance(combined, str) else combined


def are_different(attributes: Sequence[Combined]) -> bool:
    """Whether there is at least one attribute, none twice, and none combined with itself.

    Example:
        >>> are_different(["sex", ("sex", "race")]), are_different([("sex", "sex")]), are_different(["sex", ("sex",)])
        (True, False, False)
    """
    names = [names_of(attribute) for attribute in attributes]
    alone = all(each and len(set(each)) == len(each) for each in names)
    return bool(names) and alone and len({frozenset(each) for each in names}) == len(names)


def combined_groups(data: Data, combined: Combined) -> Tensor:
    """The groups of one sensitive attribute, or of every combination of the values of several.

    Args:
        data: the records.
        combined: names of attributes that the data set has.

    Returns:
        (n,) codes of the groups, -1 where one of the attributes is not recorded.

    Example:
        >>> from amulet.testing import toy_dataset
        >>> set(combined_groups(toy_dataset().test, "sex").tolist())
        {0, 1}
    """
    names = names_of(combined)
    sizes = [len(data.schema.attribute(name).values) for name in names]
    return combined_codes([data.attribute(name) for name in names], sizes)


def combined_codes(columns: Sequence[Tensor], sizes: Sequence[int]) -> Tensor:
    """One code for the codes of several attributes, of which the first counts most.

    Args:
        columns: at least one; (n,) codes of the values of each attribute, -1 where it is not recorded.
        sizes: how many values each attribute has.

    Returns:
        (n,) codes in [0, product of the sizes), -1 where one of the attributes is not recorded.

    Example:
        >>> combined_codes([torch.tensor([0, 1, -1]), torch.tensor([2, 0, 1])], [2, 3]).tolist()
        [2, 3, -1]
    """
    codes = torch.zeros_like(columns[0])
    for own, size in zip(columns, sizes, strict=True):
        codes = torch.where((codes < 0) | (own < 0), -1, codes * size + own)
    return codes


def group_names(schema: Schema, combined: Combined) -> tuple[str, ...]:
    """The names of the groups in the order of their codes: "female", or "female/black" for a combination.

    Example:
        >>> from amulet.testing import toy_dataset
        >>> group_names(toy_dataset().schema, "sex")
        ('0', '1')
    """
    values = [schema.attribute(name).values for name in names_of(combined)]
    return tuple("/".join(each) for each in product(*values))


def number_of_groups(schema: Schema, combined: Combined) -> int:
    """How many combinations the values of the attributes have, whether there are such records or not."""
    return prod(len(schema.attribute(name).values) for name in names_of(combined))


def group_demands(schema: Schema, combined: Combined) -> Iterator[str]:
    """What a schema lacks for its records to be divided into the groups of these attributes, a clause each.

    Example:
        >>> from amulet.testing import toy_dataset
        >>> list(group_demands(toy_dataset().schema, "race"))
        ["the sensitive attribute 'race'; the data set has: sex"]
    """
    held = ", ".join(schema.attribute_names) or "none"
    missing = [name for name in names_of(combined) if name not in schema.attribute_names]
    yield from (f"the sensitive attribute '{name}'; the data set has: {held}" for name in missing)
    if not missing and number_of_groups(schema, combined) > MOST_GROUPS:
        of, count = " and ".join(map(repr, names_of(combined))), number_of_groups(schema, combined)
        yield (
            f"at most {MOST_GROUPS} groups, and {of} would make {count:,}. Make ranges of a quantity, with pandas.cut "
            "for instance, and join rare values"
        )


def measured_by_group(outcome_type: type[Outcome]) -> bool:
    """Whether the metrics of this type of outcome can be measured on the records of single groups.

    Its cases must be records. Metrics that are gaps between groups are not measured within one group; combinations of
    attributes, such as `Discrimination(attribute=("sex", "race"))`, have groups of their own.
    """
    return outcome_type.unit == "record" and not outcome_type.compares_groups


def attribute_problems(dataset: AmuletDataset, attribute: str, owner: str = "Experiment") -> list[Problem]:
    """The reasons why metrics cannot be measured by this attribute; empty if they can. `owner` was asked for it."""
    names = dataset.schema.attribute_names
    if attribute in names:
        sentences = [f"'by_group' needs {lacking}." for lacking in group_demands(dataset.schema, attribute)]
        return [Problem("by_group", sentence) for sentence in sentences]
    known = f"one of {', '.join(names)}" if names else "left out, since the data set has no sensitive attributes"
    return [Problem.of("by_group", owner, known, attribute)]


def too_small(count: int, fewest: int) -> Undefined:
    """Why metrics are not measured on a group of so many records."""
    return Undefined(f"the group has {count} records, and a metric by group needs at least {fewest}")


def _unit_problems(outcome: Outcome) -> list[Problem]:
    if outcome.unit == "record":
        return []
    sentence = f"The cases of {type(outcome).__name__} are of unit '{outcome.unit}', so they belong to no group."
    return [Problem("outcome", sentence)]


def _measured(metric: Metric[Any], outcome: Outcome, inside: Tensor, fewest: int) -> float | Undefined:
    count = int(inside.sum())
    if count < fewest:
        return too_small(count, fewest)
    value: float | Undefined = metric(outcome[inside])
    return value
