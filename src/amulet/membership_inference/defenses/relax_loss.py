"""Training towards a loss above zero: RelaxLoss. Chen et al. 2022, https://arxiv.org/abs/2207.05801, Algorithm 1."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self, final

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from amulet.core.data import Data, Schema
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import Problem
from amulet.core.spec import NonNegative
from amulet.core.split import Split
from amulet.core.trainable import DataUse
from amulet.functional.perturbations.pgd import Classifier
from amulet.training.objectives import AdjustedCrossEntropy, CrossEntropy, Objective
from amulet.training.penalty import Penalty
from amulet.training.stages import Penalize
from amulet.training.updates import Pace


@dataclass(frozen=True)
class RelaxLoss(Penalize):
    """Keeps the mean loss of a batch near `alpha`, so that members have no smaller losses than others.

    A batch whose mean loss is at least `alpha` is trained on as usual. One with a smaller loss is trained away from it:
    in even epochs, the first among them, by gradient ascent; in odd ones by `flattening` the posterior, which keeps the
    probability of the true class and evens out the others. With two classes there is one other, and odd epochs leave
    such batches as they are.

    With `LogitAdjustment` the loss is the cross-entropy of adjusted logits. The steps are then those of Algorithm 1 on
    the model with these logits: the same numbers are added for all records, so that whoever knows them learns the same
    of a record from either model.

    Attributes:
        alpha: the mean loss in nats that is aimed at; 0 is training as usual. It should be well below the entropy of
            the class shares, the loss of a model that knows nothing but these.
    """

    risk = "membership_inference"
    data_use = DataUse.DATASET

    alpha: NonNegative = 0.5

    @classmethod
    def for_data(cls, dataset: AmuletDataset, split: Split) -> tuple[Self, ...]:
        """Half the entropy of the class shares, the loss in nats of a model that knows nothing but these; at most 0.5.

        With a target above that entropy each batch is trained away from, and the model names one class always.
        It has two significant digits, for with rare classes two decimals may leave none of it.
        """
        del split
        return (cls(alpha=min(cls.alpha, float(f"{entropy_of_shares(dataset.train) / 2:.2g}"))),)

    def notices(self, data: Data) -> Iterator[str]:
        """That the target is no lower than the loss of a model that knows the class shares alone."""
        known = entropy_of_shares(data)
        if 0 < self.alpha >= known:
            yield (
                f"{self} keeps the mean loss of a batch from falling below its alpha, {self.alpha:g} nats. A model "
                f"that only knows how frequent each class is has a loss of {known:.2g} already, so that hardly "
                f"anything is learned. Set alpha well below that, such as {known / 2:.2g}."
            )

    def objective_problems(self, objective: Objective) -> Iterator[Problem]:
        """It is defined for the cross-entropy, whose targets flatten the posterior."""
        if not isinstance(objective, AdjustedCrossEntropy):
            allowed = "CrossEntropy or LogitAdjustment, whose mean it holds"
            yield Problem.of("objective", "a recipe with RelaxLoss", allowed, objective)

    def begin(self, schema: Schema, pace: Pace, seed: int, device: str) -> Penalty:
        """The penalty of one run, which counts its epochs."""
        del schema, seed, device
        return _Relaxation(self.alpha, pace.records)


@final
class _Relaxation(Penalty):
    """What is added to the objective, so that their sum is the loss of Algorithm 1."""

    def __init__(self, alpha: float, records: int) -> None:
        self._alpha, self._records, self._seen = alpha, records, 0
        self._objective: AdjustedCrossEntropy = CrossEntropy()

    def joins(self, objective: Objective) -> None:
        """Hold the mean of this objective."""
        assert isinstance(objective, AdjustedCrossEntropy)  # noqa: S101 - recipes with others are refused
        self._objective = objective

    @property
    def _ascends(self) -> bool:
        """Whether the epoch of the last batch that was learned is an even one."""
        return max(0, self._seen - 1) // self._records % 2 == 0

    def learn(self, logits: Tensor, batch: Data) -> None:
        """Count the records; those of one epoch are all records."""
        del logits
        self._seen += len(batch)

    def penalize(self, model: Classifier, logits: Tensor, batch: Data) -> Tensor:
        """(n,) nothing for a batch whose mean loss is at least alpha."""
        del model
        losses = self._objective.losses(logits, batch)
        weighted = losses if batch.weight is None else losses * batch.weight
        if weighted.mean() >= self._alpha:
            return torch.zeros_like(losses)
        return -2 * losses if self._ascends else flattening(self._objective.adjusted(logits), batch.y) - losses


def entropy_of_shares(data: Data) -> float:
    """The entropy in nats of the class shares of some records: the mean loss of a model that knows nothing else."""
    shares = data.y.cpu().bincount().double() / len(data)
    return float(torch.special.entr(shares).sum())


def flattening(logits: Tensor, y: Tensor) -> Tensor:
    """The cross-entropy with the model's own posterior, evened out over all classes but the true one.

    Chen et al. 2022, equation 7: the target of the true class is its probability p under the model, that of each other
    class (1 - p) / (classes - 1). No gradient flows through the targets.

    Args:
        logits: (n, classes).
        y: (n,) true classes.

    Returns:
        (n,) losses in nats.

    Example:
        >>> logits = torch.tensor([[2.0, 1.0, 0.0]], requires_grad=True)
        >>> flattening(logits, torch.tensor([0])).sum().backward()
        >>> (logits.grad * 100).round().int().tolist()
        [[0, 8, -8]]
    """
    true = logits.detach().softmax(1).gather(1, y[:, None])
    others = ((1 - true) / (logits.shape[1] - 1)).expand_as(logits)
    return cross_entropy(logits, others.scatter(1, y[:, None], true), reduction="none")
