"""Objectives: the per-record losses that training minimises."""

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
    """A loss of the logits and the classes or targets of the records.

    Attributes:
        takes_targets: whether it uses `Data.targets`, the probabilities of all classes, where records have them. Other
            objectives reject such records.
    """

    takes_targets: ClassVar[bool] = False

    @property
    def data_use(self) -> DataUse:
        """The records, beyond the one at hand, that its loss depends on; none, unless a subclass says otherwise."""
        return DataUse.NONE

    def data_problems(self, schema: Schema) -> Iterator[Problem]:
        """The reasons why the objective cannot be used with the data set; a hook for subclasses."""
        del schema
        yield from ()

    def fitted_to(self, data: Data) -> "Objective":
        """The objective with all values that it derives from the training data; a hook for subclasses."""
        del data
        return self

    @abstractmethod
    def losses(self, logits: Tensor, batch: Data) -> Tensor:
        """(n,) one loss per record, in nats.

        Args:
            logits: (n, classes) of the records, with gradient.
            batch: the records, with `batch.targets` to be learned, or their classes if there are no targets.
        """


@dataclass(frozen=True)
class AdjustedCrossEntropy(Objective):
    """The cross-entropy of logits to which the same numbers are added for all records, in training only.

    It is the cross-entropy of another model, from whose logits those of the trained one follow and vice versa.
    """

    takes_targets = True

    @abstractmethod
    def adjusted(self, logits: Tensor) -> Tensor:
        """(n, classes) the logits whose cross-entropy the loss is."""

    def losses(self, logits: Tensor, batch: Data) -> Tensor:
        """(n,) losses in nats."""
        return cross_entropy(self.adjusted(logits), _learned(batch, logits), reduction="none")


@dataclass(frozen=True)
class CrossEntropy(AdjustedCrossEntropy):
    """The negative log-likelihood of the true class; with targets, its mean over classes, weighted by the targets."""

    def adjusted(self, logits: Tensor) -> Tensor:
        """(n, classes) as they are."""
        return logits


@dataclass(frozen=True)
class LogitAdjustment(AdjustedCrossEntropy):
    """Cross-entropy for unbalanced classes: tau log(share of the class) is added to each logit, in training only.

    Menon et al. 2021, https://arxiv.org/abs/2007.07314, eq. 10. Its minimiser has the best balanced accuracy. Unlike
    class weights, it does not scale gradients, so the clipping of DP-SGD does not cancel its effect.

    Attributes:
        class_shares: the shares of the classes, in their order, if they are public knowledge. If empty, they are those
            of the training data, which DP-SGD does not allow; with targets, the share of a class is their mean.
        tau: the strength of the adjustment; 0 is plain cross-entropy.
    """

    class_shares: tuple[Positive, ...] = ()
    tau: NonNegative = 1.0

    @property
    def data_use(self) -> DataUse:
        """The whole data set if classes are counted, no record if their shares are given."""
        return DataUse.NONE if self.class_shares else DataUse.DATASET

    def data_problems(self, schema: Schema) -> Iterator[Problem]:
        """Shares must be stated for every class or for none."""
        if self.class_shares and len(self.class_shares) != len(schema.classes):
            yield self.problem("class_shares", f"one share for each of {', '.join(schema.classes)}, or empty")

    def fitted_to(self, data: Data) -> Objective:
        """The objective with the shares of the training data, if none are given; each class counts at least once."""
        if self.class_shares:
            return self
        counts = torch.bincount(data.y, minlength=len(data.schema.classes))
        counts = (counts if data.targets is None else data.targets.sum(0)).clamp_min(1)
        return replace(self, class_shares=tuple((counts / counts.sum()).tolist()))

    def adjusted(self, logits: Tensor) -> Tensor:
        """(n, classes) with tau log(share of the class) added."""
        shares = torch.tensor(self.class_shares, dtype=logits.dtype, device=logits.device)
        return logits + self.tau * (shares / shares.sum()).log()


def _learned(batch: Data, logits: Tensor) -> Tensor:
    """(n,) classes, or (n, classes) probabilities in the precision of the logits."""
    return batch.learned.to(logits.dtype) if batch.targets is not None else batch.y
