"""A penalty on the dependence of predictions on groups. Lowy et al. 2022, https://arxiv.org/abs/2102.12586, section 2.

The dependence is the exponential Renyi mutual information (ERMI).
"""

from dataclasses import dataclass
from typing import Final, final

import torch
from torch import Tensor

from amulet.core.data import Data, Schema
from amulet.core.measurements.groups import Combined, combined_groups, number_of_groups
from amulet.core.spec import Count
from amulet.discriminatory_behavior.defenses.parity import ParityPenalty, Strengths
from amulet.functional.perturbations.pgd import Classifier
from amulet.training.penalty import Penalty
from amulet.training.updates import Pace

SMALLEST: Final = 1e-12


@dataclass(frozen=True)
class FERMI(ParityPenalty):
    """Adds `strength` times the dependence between the model's predictions and each sensitive attribute.

    The dependence is ERMI, the chi-squared divergence between the joint distribution of predicted class and group and
    the product of the two. The joint distribution is estimated by a moving average over batches, so that groups which
    are rare in a batch make no noise. Records of which the attribute is not recorded take no part.

    Attributes:
        attributes: names of sensitive attributes, each with a penalty of its own. Several names together, as in
            `("sex", ("sex", "race"))`, are one attribute, whose values are the combinations of theirs.
        strength: the weight of the dependence; one for all attributes, or one for each.
        constraint: "demographic_parity", or "equalized_odds", where the dependence is that among records of one true
            class, averaged over the classes.
        window: the number of batches that the moving average looks back.
    """

    strength: Strengths = (4.0,)
    window: Count = 20

    def begin(self, schema: Schema, pace: Pace, seed: int, device: str) -> Penalty:
        """The averages of one run, which start with its first batch."""
        del pace, seed
        return _Dependence(self, schema, device)


@final
class _Dependence(Penalty):
    """For each attribute the joint distribution of condition, group and predicted class, and its penalty."""

    def __init__(self, stage: FERMI, schema: Schema, device: str) -> None:
        classes = len(schema.classes)
        self._stage, self._batches = stage, 0
        self._conditions = classes if stage.constraint == "equalized_odds" else 1
        self._joints: dict[Combined, Tensor] = {
            attribute: torch.zeros(self._conditions, number_of_groups(schema, attribute), classes, device=device)
            for attribute in stage.attributes
        }

    def learn(self, logits: Tensor, batch: Data) -> None:
        """Move the averages towards this batch; until the window is full they are plain means."""
        self._batches += 1
        rate = 1 / min(self._batches, self._stage.window)
        weight = torch.ones_like(logits[:, 0]) if batch.weight is None else batch.weight
        for attribute, joint in self._joints.items():
            groups = combined_groups(batch, attribute)
            where = self._condition(batch) * joint.shape[1] + groups
            mass = torch.where(groups >= 0, weight, 0.0)[:, None] * logits.softmax(1)
            now = torch.zeros_like(joint.flatten(0, 1)).index_add_(0, where.clamp_min(0), mass)
            joint.lerp_(now.view_as(joint) / len(batch), rate)

    def penalize(self, model: Classifier, logits: Tensor, batch: Data) -> Tensor:
        """(n,) the terms of the records; their mean has the gradient of the dependence. 0 without the attribute."""
        del model
        probabilities, total = logits.softmax(1), torch.zeros_like(logits[:, 0])
        for strength, (attribute, joint) in zip(self._stage.strengths, self._joints.items(), strict=True):
            groups = combined_groups(batch, attribute)
            prices = slopes(joint).to(logits.dtype)[self._condition(batch), groups.clamp_min(0)]
            total = total + strength * torch.where(groups >= 0, (prices * probabilities).sum(1) - 1, 0.0)
        return total

    def _condition(self, batch: Data) -> Tensor:
        return batch.y if self._conditions > 1 else torch.zeros_like(batch.y)


def slopes(joint: Tensor) -> Tensor:
    """The derivative of ERMI by each probability of the joint distribution of group and predicted class.

    Of the min-max form of the paper (its equation of the stochastic estimator), at the exact maximum: with
    r = P(group, class) / (P(group) P(class)), the slope is 2 r less the mean of r squared over the groups.

    Args:
        joint: (conditions, groups, classes) probabilities, or anything in proportion to them within a condition.

    Returns:
        (conditions, groups, classes); ERMI itself is the mean slope under the joint distribution, less one.

    Example:
        >>> slopes(torch.tensor([[[0.25, 0.25], [0.25, 0.25]]])).flatten().tolist()
        [1.0, 1.0, 1.0, 1.0]
        >>> slopes(torch.tensor([[[0.5, 0.0], [0.0, 0.5]]])).flatten().tolist()
        [2.0, -2.0, -2.0, 2.0]
    """
    joint = joint / joint.sum((1, 2), keepdim=True).clamp_min(SMALLEST)
    of_group, of_class = joint.sum(2, keepdim=True), joint.sum(1, keepdim=True)
    ratio = joint / (of_group * of_class).clamp_min(SMALLEST)
    return 2 * ratio - (of_group * ratio.square()).sum(1, keepdim=True)
