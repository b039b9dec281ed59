"""F, discriminatory behavior: the outcome, and the audit of decisions by sensitive group."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Final, Self, final

import torch
from torch import Tensor, nn

from amulet.core.classifier import require_classifier
from amulet.core.data import Data, Schema
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidData, Problem
from amulet.core.measurements.group_rates import GroupRate, GroupRates
from amulet.core.measurements.groups import (
    FEWEST,
    Combined,
    are_different,
    combined_groups,
    group_demands,
    group_names,
    names_of,
)
from amulet.core.metric import Metric, Undefined
from amulet.core.model import probabilities_of
from amulet.core.outcome import LEFT_OUT, Outcome
from amulet.core.probe import Audit, Game
from amulet.core.records.data_checks import require_data
from amulet.core.spec import Count
from amulet.core.split import Split
from amulet.functional.rates import rates_by_group

NO_NAMES: Final = torch.empty(0, dtype=torch.uint8)
"""The default of `names`: groups go by their codes."""

ANY_SIZE: Final = torch.tensor(1)
"""The default of `fewest`: every group with a record is compared with others."""


class Rate(StrEnum):
    """The rates that decisions are compared by."""

    SELECTION = "favourable decisions"
    TRUE_POSITIVE = "true positive rate"
    FALSE_POSITIVE = "false positive rate"
    ACCURACY = "accuracy"


@dataclass(frozen=True, eq=False)
class RateCounts:
    """One rate of all groups, as counts.

    Attributes:
        counts: (groups,) the records that the rate counts.
        of: (groups,) the records among which it counts.
        enters: (groups,) bool, whether the group has enough of these records to be compared with others.
    """

    counts: Tensor
    of: Tensor
    enters: Tensor

    @property
    def compared(self) -> Tensor:
        """(groups that are compared,) float64 their rates."""
        return self.counts[self.enters].double() / self.of[self.enters]


@final
@dataclass(frozen=True, eq=False)
class DiscriminationOutcome(Outcome):
    """The true and the predicted decision for each record, and its sensitive group.

    Attributes:
        labels: (n,) bool, whether the true class is the positive one.
        predictions: (n,) bool, whether the predicted class is the positive one.
        groups: (n,) codes of the groups of one sensitive attribute, or of a combination of several; -1 if not recorded;
            all metrics leave such records out.
        index: (n,) identities of the records.
        names: uint8, the names of the groups as a list in JSON; see `named`.
        fewest: () int64; a group with fewer records to compute a rate from is not compared with others.
        sizes: (groups, 2) int64, how many records outside and in the positive class each group has, which decides
            whether it is compared; of a resample those of the outcome that it was drawn from, of others left out.

    Example:
        >>> from amulet.discriminatory_behavior.metrics import demographic_parity
        >>> labels, groups = torch.ones(4, dtype=torch.bool), torch.tensor([0, 0, 1, 1])
        >>> demographic_parity(DiscriminationOutcome(labels, torch.tensor([True, True, True, False]), groups))
        0.5
    """

    compares_groups = True
    truth = ("labels", "groups", "index")
    constants = ("names", "fewest", "sizes")
    labels: Tensor
    predictions: Tensor
    groups: Tensor
    index: Tensor = LEFT_OUT
    names: Tensor = NO_NAMES
    fewest: Tensor = ANY_SIZE
    sizes: Tensor = LEFT_OUT

    def named(self, names: tuple[str, ...]) -> Self:
        """The same outcome with names for the groups, in the order of their codes."""
        return replace(self, names=torch.tensor(list(json.dumps(names).encode()), dtype=torch.uint8))

    @property
    def group_names(self) -> tuple[str, ...]:
        """The names of the groups in the order of their codes; where none were given, the codes."""
        if self.names.numel():
            return tuple(json.loads(bytes(self.names.tolist())))
        return tuple(map(str, range(int(self.groups.max()) + 1 if len(self) else 0)))

    def resample(self, places: Tensor) -> Self:
        """The outcome of records drawn with replacement, in which the same groups are compared as in this one."""
        return replace(self[places], sizes=self._sizes)

    def rate_counts(self, rate: Rate) -> RateCounts:
        """One rate of all groups, as counts."""
        refused, granted = self._cells.unbind(2)  # of each group and class
        of, sizes = refused + granted, self._sizes
        counts, among, by_size = {
            Rate.SELECTION: (granted.sum(1), of.sum(1), sizes.sum(1)),
            Rate.TRUE_POSITIVE: (granted[:, 1], of[:, 1], sizes[:, 1]),
            Rate.FALSE_POSITIVE: (granted[:, 0], of[:, 0], sizes[:, 0]),
            Rate.ACCURACY: (refused[:, 0] + granted[:, 1], of.sum(1), sizes.sum(1)),
        }[rate]
        return RateCounts(counts, among, by_size >= self.fewest.clamp_min(1))

    def rates(self) -> GroupRates:
        """The share of favourable decisions, the true and the false positive rate and the accuracy of every group.

        Each with its counts and Wilson's 95% interval; printed as a table, `rates().frame` as a frame.
        """
        found = [
            GroupRate(str(rate), *line)
            for rate in Rate
            for line in zip(self.group_names, *_lists(self.rate_counts(rate)), strict=True)
        ]
        return GroupRates(tuple(found), int(self.fewest))

    def group_rates(self) -> GroupRates:
        """As `rates`."""
        return self.rates()

    def selection_rates(self) -> Tensor:
        """(groups,) share of favourable decisions in each group."""
        return rates_by_group(self.predictions, self.groups, torch.ones_like(self.labels))

    def true_positive_rates(self) -> Tensor:
        """(groups,) share of favourable decisions among records of the positive class; NaN for groups without any."""
        return rates_by_group(self.predictions, self.groups, self.labels)

    def false_positive_rates(self) -> Tensor:
        """(groups,) share of favourable decisions among records of other classes; NaN for groups without any."""
        return rates_by_group(self.predictions, self.groups, ~self.labels)

    @cached_property
    def _cells(self) -> Tensor:
        """(groups, 2, 2) int64, the records of each group, true class and decision."""
        number = len(self.sizes) or len(self.group_names)
        known = self.groups >= 0
        codes = (self.groups * 4 + self.labels * 2 + self.predictions)[known]
        return torch.bincount(codes, minlength=4 * number).view(-1, 2, 2)

    @property
    def _sizes(self) -> Tensor:
        return self.sizes if len(self.sizes) else self._cells.sum(2)


@final
@dataclass(frozen=True)
class Discrimination(Audit[DiscriminationOutcome]):
    """The model's decisions on the test set, by the groups of a sensitive attribute.

    Attributes:
        attribute: the name of the attribute, or several names, for the groups of every combination of their values.
        fewest: a group with fewer records to compute a rate from is shown, but not compared with others.
    """

    risk = "discriminatory_behavior"
    outcome_type = DiscriminationOutcome
    attribute: Combined = "sex"
    fewest: Count = FEWEST

    def problems(self) -> Iterator[Problem]:
        """Several attributes must be different ones."""
        if not are_different(names_of(self.attribute)):
            yield self.problem("attribute", "the name of an attribute, or several different names")

    @classmethod
    def for_data(cls, dataset: AmuletDataset, split: Split) -> tuple[Self, ...]:
        """By each sensitive attribute."""
        del split
        return tuple(cls(attribute=name) for name in dataset.schema.attribute_names) or (cls(),)

    def __str__(self) -> str:
        """The class with the attribute, even if that is the default."""
        return type(self).__name__ + self.settings(self.changed("attribute"))

    @property
    def attributes(self) -> tuple[str, ...]:
        """The names of the attributes, one or several."""
        return names_of(self.attribute)

    def demands(self, schema: Schema) -> Iterator[str]:
        """The data set must have the attributes, with few values, and a class that is the favourable decision."""
        yield from (f"{self} needs {lacking}." for lacking in group_demands(schema, self.attribute))
        if schema.positive is None:
            yield f"{self} needs the data set to name its positive class."

    def without_value(self, metric: Metric[DiscriminationOutcome], dataset: AmuletDataset) -> str | None:
        """Why a metric is undefined both of decisions that are all right and of decisions that are all favourable."""
        right = _favourable(dataset.schema, dataset.test.y.cpu())
        found = [metric(self._outcome(dataset.test, each)) for each in (right, torch.ones_like(right))]
        reasons = [each.reason for each in found if isinstance(each, Undefined)]
        return f"{reasons[0][0].upper()}{reasons[0][1:]}." if len(reasons) == len(found) else None

    def audit(self, model: nn.Module, data: Data) -> DiscriminationOutcome:
        """The outcome of any `nn.Module` that maps inputs to logits.

        Raises:
            InvalidData: the data lack the attribute or a positive class, or the attribute has too many values.
            InvalidParameter: the model does not give one logit for each class.
        """
        require_data(data, "data", type(self).__name__)
        problems = [Problem("attribute", sentence) for sentence in self.demands(data.schema)]
        if problems:
            raise InvalidData(problems)
        require_classifier(model, data)
        decisions = _favourable(data.schema, probabilities_of(model, data).argmax(1))
        return self._outcome(data, decisions)

    def _outcome(self, data: Data, decisions: Tensor) -> DiscriminationOutcome:
        """The outcome of decisions, (n,) bool whether each is favourable."""
        groups, names = combined_groups(data, self.attribute).cpu(), group_names(data.schema, self.attribute)
        labels, fewest = _favourable(data.schema, data.y.cpu()), torch.tensor(self.fewest)
        return DiscriminationOutcome(labels, decisions, groups, data.index.cpu(), fewest=fewest).named(names)

    def play(self, game: Game) -> DiscriminationOutcome:
        """Audit the target on the test records."""
        return self.audit(game.target.model, game.test)


def _favourable(schema: Schema, classes: Tensor) -> Tensor:
    """(n,) bool, whether each class is the favourable decision."""
    return classes == schema.classes.index(schema.positive or "")


def _lists(rate: RateCounts) -> tuple[list[int], list[int], list[bool]]:
    return rate.counts.tolist(), rate.of.tolist(), rate.enters.tolist()
