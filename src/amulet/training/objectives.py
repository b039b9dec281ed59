"""What training minimises, record by record."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from amulet.core.data import Data, Schema
from amulet.core.errors import Problem
from amulet.core.spec import NonNegative, Positive, Spec
from amulet.core.trainable import DataUse


@dataclass(frozen=True)
class Objective(Spec):
    """A loss of logits and of what is to be learned.

    Attributes:
        takes_targets: whether it learns `Data.targets`, probabilities of all classes, where the records have them. Such
            records are refused by an objective that does not say so.
    """

    takes_targets: ClassVar[bool] = False

    @property
    def data_use(self) -> DataUse:
        """What it knows of the training data beside the record at hand: nothing, unless a subclass says so."""
        return DataUse.NONE

    def data_problems(self, schema: Schema) -> Iterator[Problem]:
        """What does not fit the data set; a hook for subclasses."""
        del schema
        yield from ()

    def fitted_to(self, data: Data) -> "Objective":
        """The same objective with everything filled in that it reads off the training data."""
        del data
        return self

    @abstractmethod
    def losses(self, logits: Tensor, batch: Data) -> Tensor:
        """(n,) one loss per record, in nats.

        Args:
            logits: (n, classes) of the records, with gradient.
            batch: the records; what is to be learned of them is `batch.targets`, or their class where there are none.
        """


@dataclass(frozen=True)
class CrossEntropy(Objective):
    """The negative log-likelihood of the true class; of records with targets, its mean over the classes by these."""

    takes_targets = True

    def losses(self, logits: Tensor, batch: Data) -> Tensor:
        """(n,)."""
        return cross_entropy(logits, _learned(batch, logits), reduction="none")


@dataclass(frozen=True)
class LogitAdjustment(Objective):
    """Cross-entropy for unbalanced classes: trained on logits + tau log(share of the class), used without.

    Menon et al. 2021, https://arxiv.org/abs/2007.07314, eq. 10. Its minimiser is best in balanced accuracy.
    Unlike class weights it leaves the size of gradients alone, so that DP-SGD's clipping does not undo it.
    `class_shares` states public knowledge, in the order of the classes; left empty they are counted in the
    training data, which DP-SGD refuses; of records with targets a class's share is their mean.
    """

    takes_targets = True
    class_shares: tuple[Positive, ...] = ()
    tau: NonNegative = 1.0

    @property
    def data_use(self) -> DataUse:
        """Counts classes unless told their shares."""
        return DataUse.NONE if self.class_shares else DataUse.DATASET

    def data_problems(self, schema: Schema) -> Iterator[Problem]:
        """Shares must be stated for every class or for none."""
        if self.class_shares and len(self.class_shares) != len(schema.classes):
            yield self.problem("class_shares", f"one share for each of {', '.join(schema.classes)}, or empty")

    def fitted_to(self, data: Data) -> Objective:
        """Count the classes, each at least once, where no shares were stated."""
        if self.class_shares:
            return self
        counts = torch.bincount(data.y, minlength=len(data.schema.classes))
        counts = (counts if data.targets is None else data.targets.sum(0)).clamp_min(1)
        return replace(self, class_shares=tuple((counts / counts.sum()).tolist()))

    def losses(self, logits: Tensor, batch: Data) -> Tensor:
        """(n,)."""
        shares = torch.tensor(self.class_shares, dtype=logits.dtype, device=logits.device)
        return cross_entropy(
            logits + self.tau * (shares / shares.sum()).log(), _learned(batch, logits), reduction="none"
        )


def _learned(batch: Data, logits: Tensor) -> Tensor:
    """(n,) classes, or (n, classes) probabilities in the precision of the logits."""
    return batch.learned.to(logits.dtype) if batch.targets is not None else batch.y
