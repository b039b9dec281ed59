"""Thresholds by group around a trained model. Hardt et al. 2016, https://arxiv.org/abs/1610.02413, section 3.2."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import torch
from torch import Generator, Tensor, nn

from amulet.core.data import Data, Schema
from amulet.core.errors import InvalidData, Problem
from amulet.core.held import Held
from amulet.core.measurements.groups import (
    combined_codes,
    combined_groups,
    names_of,
    number_of_groups,
)
from amulet.core.model import AttributeModel, evaluating, logits_of, predict
from amulet.core.trainable import DataUse
from amulet.discriminatory_behavior.defenses.parity import Constraint, ParityByAttribute
from amulet.functional.group_thresholds import Group, Mixture, equal_acceptance, equal_odds
from amulet.training.stages import Finish

SURE: Final = 20.0
"""The difference of logits of a decision that is the same for every record: a probability of 1 - 2e-9."""


@dataclass(frozen=True)
class ThresholdOptimizer(ParityByAttribute, Finish):
    """Puts thresholds by sensitive group around the trained model, so that groups are treated alike on clean records.

    The thresholds are those of highest accuracy under the constraint, on the defender's clean validation records. Where
    no single threshold meets it, a group has several, and which of them a record meets depends on a hash of the record,
    so that a record is always decided alike. The model then needs the attribute of every record that it predicts.

    Attributes:
        attribute: the name of a sensitive attribute, or several names, whose groups are the combinations of values.
        constraint: "demographic_parity", one rate of positive decisions, or "equalized_odds", one true and one false
            positive rate.
        objective: what is as high as it can be under the constraint.
    """

    data_use = DataUse.NONE
    needs_validation = True

    constraint: Constraint = "demographic_parity"
    objective: Literal["accuracy", "balanced_accuracy"] = "accuracy"

    def data_problems(self, schema: Schema, records: int) -> Iterator[Problem]:
        """The data set must have the attributes, and two classes."""
        yield from super().data_problems(schema, records)
        if len(schema.classes) != 2:
            yield Problem("classes", f"{self} needs a data set of two classes; this one has {len(schema.classes)}.")

    def wrap(self, model: nn.Module) -> nn.Module:
        """The model with thresholds around it, which decide as it does until they are fitted."""
        return ThresholdsByGroup(model)

    def finish(self, model: nn.Module, data: Data, held: Held, rng: Generator) -> Mapping[str, Tensor]:
        """Fit the thresholds to the clean records; they are kept, with the number of records of group and class."""
        del data
        assert isinstance(model, ThresholdsByGroup)  # noqa: S101 - as `wrap` has made it
        clean = held.require_validation(self)
        with evaluating(model.underneath):
            scores = margins(predict(model.underneath, clean))
        groups = combined_groups(clean, self.attribute)
        table = torch.zeros(number_of_groups(clean.schema, self.attribute), 2, dtype=torch.int64)
        recorded = groups >= 0
        table.index_put_((groups[recorded].cpu(), clean.y[recorded].cpu()), torch.tensor(1), accumulate=True)
        fitted = self._fitted(scores, clean.y, groups, self._to_be_fitted(table))
        model.set(clean, names_of(self.attribute), fitted, len(table), rng)
        return {"thresholds": model.thresholds.clone(), "shares": model.shares.clone(), "records": table}

    def _to_be_fitted(self, table: Tensor) -> list[int]:
        """The groups with clean records; for equalized odds, of both classes."""
        enough = table.sum(1) > 0 if self.constraint == "demographic_parity" else (table > 0).all(1)
        if not enough.any():
            what = (
                "clean record" if self.constraint == "demographic_parity" else "group of clean records of both classes"
            )
            names = " and ".join(map(repr, names_of(self.attribute)))
            raise InvalidData([Problem("held", f"{self} needs at least one {what} with {names} recorded.")])
        return enough.nonzero().flatten().tolist()

    def _fitted(self, scores: Tensor, y: Tensor, groups: Tensor, codes: list[int]) -> dict[int, Mixture]:
        parts = [Group(scores[groups == code].cpu().numpy(), (y[groups == code] == 1).cpu().numpy()) for code in codes]
        solve = equal_acceptance if self.constraint == "demographic_parity" else equal_odds
        return dict(zip(codes, solve(parts, balanced=self.objective == "balanced_accuracy"), strict=True))


class ThresholdsByGroup(AttributeModel):
    """A model of two classes, whose difference of logits is taken from a threshold of the record's group.

    Groups without thresholds, and records of which the attribute is not recorded, are decided by the model alone.

    Attributes:
        thresholds: (groups + 1, 4) of each group; those of the last row are 0, for records of no group.
        shares: (groups + 1, 4) how often each is used, with sum 1.
    """

    thresholds: Tensor
    shares: Tensor
    columns: Tensor
    sizes: Tensor
    factors: Tensor

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.underneath = model
        self.register_buffer("thresholds", torch.zeros(1, 4, dtype=torch.float64))
        self.register_buffer("shares", torch.full((1, 4), 0.25, dtype=torch.float64))
        for name in ("columns", "sizes", "factors"):
            self.register_buffer(name, torch.zeros(0, dtype=torch.int64))
        self.register_load_state_dict_pre_hook(_resize)  # type: ignore[no-untyped-call]

    def set(
        self, data: Data, names: tuple[str, ...], mixtures: Mapping[int, Mixture], groups: int, rng: Generator
    ) -> None:
        """Take the thresholds of some of the groups, and the factors of a hash of such records."""
        schema, device = data.schema, data.y.device
        self.thresholds = torch.zeros(groups + 1, 4, dtype=torch.float64, device=device)
        self.shares = torch.full_like(self.thresholds, 0.25)
        for code, mixture in mixtures.items():
            self.thresholds[code] = torch.from_numpy(mixture.thresholds)
            self.shares[code] = torch.from_numpy(mixture.shares)
        self.columns = torch.tensor([schema.attribute_names.index(name) for name in names], device=device)
        self.sizes = torch.tensor([len(schema.attribute(name).values) for name in names], device=device)
        highest = torch.iinfo(torch.int64)
        drawn = torch.randint(highest.min, highest.max, (data.x[0].numel(),), generator=rng, device=device)
        self.factors = drawn | 1

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """(n, 2) logits; the positive decision is that above the threshold. Those of the model before it is fitted."""
        logits = logits_of(self.underneath, x, z)
        if len(self.columns) == 0:
            return logits
        group = self._groups(z)
        which = (self._lots(x)[:, None] >= self.shares.cumsum(1)[group]).sum(1).clamp_max(3)
        threshold = self.thresholds[group, which]
        margin = torch.where(threshold.isinf(), -SURE * threshold.sign(), margins(logits) - threshold)
        return torch.stack([-margin / 2, margin / 2], 1).to(logits.dtype)

    def _groups(self, z: Tensor) -> Tensor:
        """(n,) rows of the thresholds: codes of the groups, -1 for records of no group."""
        return combined_codes(list(z[:, self.columns].unbind(1)), self.sizes.tolist())

    def _lots(self, x: Tensor) -> Tensor:
        """(n,) a number in [0, 1) for each record, by a hash of its inputs in single precision."""
        numbers = (x.detach().float() + 0.0).flatten(1).contiguous().view(torch.int32).long()  # 0 in place of -0
        hashed = (numbers[:, : len(self.factors)] * self.factors).sum(1)
        return (hashed >> 11 & (2**53 - 1)).double() / 2**53


def margins(logits: Tensor) -> Tensor:
    """(n,) float64 logits of the second class less those of the first."""
    return logits[:, 1].double() - logits[:, 0].double()


def _resize(module: nn.Module, state: Mapping[str, Tensor], prefix: str, *_: object) -> None:
    """Make the buffers as large as those to be loaded: how many groups there are is known once they are fitted."""
    for name, buffer in list(module.named_buffers(recurse=False)):
        if prefix + name in state:
            setattr(module, name, buffer.new_empty(state[prefix + name].shape))
