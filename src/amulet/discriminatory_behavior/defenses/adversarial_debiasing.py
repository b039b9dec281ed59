"""Adversarial debiasing by gradient reversal. Louppe et al. 2017, https://arxiv.org/abs/1611.01046, eq. 3.

Zhang et al. 2018, https://arxiv.org/abs/1801.07593, give it the true class as well for equalized odds.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import final

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from amulet.core.data import Data, Schema
from amulet.core.measurements.groups import Combined, combined_groups, number_of_groups
from amulet.core.spec import Count, Probability, Widths
from amulet.discriminatory_behavior.defenses.parity import ParityPenalty, Strengths, given_class
from amulet.functional.perturbations.pgd import Classifier
from amulet.training.optimizers import Adam, Optimizer
from amulet.training.penalty import Penalty
from amulet.training.updates import Pace


@dataclass(frozen=True)
class AdversarialDebiasing(ParityPenalty):
    """Trains the model against networks that predict sensitive attributes from its probabilities.

    For each attribute a network, the adversary, is trained beside the model. The model minimises its own loss and
    maximises, `strength` times, the adversary's cross-entropy: the gradient of that is reversed where it enters the
    model. Records of which the attribute is not recorded take no part.

    Attributes:
        attributes: names of sensitive attributes, each with an adversary of its own. Several names together, as in
            `("sex", ("sex", "race"))`, are one attribute, whose values are the combinations of theirs.
        strength: the weight of the adversary's loss; one for all attributes, or one for each.
        constraint: "demographic_parity", or "equalized_odds", where the adversary is told the true class too.
        hidden: the widths of the adversary's hidden layers.
        optimizer: the adversary's.
        steps: the adversary's steps on each batch.
        warmup: the share of the training over which the strength rises, linearly, from zero to what it is.
    """

    strength: Strengths = (5.0,)
    hidden: Widths = (32,)
    optimizer: Optimizer = Adam(lr=0.01)
    steps: Count = 5
    warmup: Probability = 0.3

    def begin(self, schema: Schema, pace: Pace, seed: int, device: str) -> Penalty:
        """New adversaries, initialised from torch's global generator."""
        del seed
        return _Adversaries(self, schema, pace, device)


@final
class _Adversaries(Penalty):
    """The adversaries of one run."""

    def __init__(self, stage: AdversarialDebiasing, schema: Schema, pace: Pace, device: str) -> None:
        inputs = len(schema.classes) * (1 if stage.constraint == "demographic_parity" else 2)
        self._stage, self._seen, self._rising = stage, 0, stage.warmup * pace.records * pace.epochs
        self._adversaries: list[tuple[Combined, nn.Module, torch.optim.Optimizer]] = []
        for attribute in stage.attributes:
            net = network((inputs, *stage.hidden, number_of_groups(schema, attribute))).to(device)
            self._adversaries.append((attribute, net, stage.optimizer.build(net.parameters())))

    def learn(self, logits: Tensor, batch: Data) -> None:
        """Some steps of each adversary, towards the groups."""
        self._seen += len(batch)
        for attribute, net, optimizer in self._adversaries:
            groups = combined_groups(batch, attribute)
            recorded = int((groups >= 0).sum())
            for _ in range(self._stage.steps if recorded else 0):
                net.requires_grad_(True)
                optimizer.zero_grad()
                losses = cross_entropy(net(self._shown(logits, batch)), groups, ignore_index=-1, reduction="none")
                ((losses if batch.weight is None else losses * batch.weight).sum() / recorded).backward()
                optimizer.step()
                net.requires_grad_(False)

    def penalize(self, model: Classifier, logits: Tensor, batch: Data) -> Tensor:
        """(n,) minus the adversaries' cross-entropies, times the strengths; 0 for records without the attribute."""
        del model
        risen = min(1.0, self._seen / self._rising) if self._rising else 1.0
        shown, total = self._shown(logits, batch), torch.zeros_like(logits[:, 0])
        for strength, (attribute, net, _) in zip(self._stage.strengths, self._adversaries, strict=True):
            losses = cross_entropy(net(shown), combined_groups(batch, attribute), ignore_index=-1, reduction="none")
            total = total - risen * strength * losses
        return total

    def _shown(self, logits: Tensor, batch: Data) -> Tensor:
        """(n, inputs) what an adversary sees: probabilities, in which scaling the logits cannot hide a group."""
        return torch.cat([logits.softmax(1), given_class(batch, self._stage.constraint).to(logits.dtype)], 1)


def network(sizes: tuple[int, ...]) -> nn.Module:
    """Linear layers between these sizes, with leaky ReLU between them.

    Plain ReLU dies: while the model is useless to the adversary, its units are pushed to zero one by one, and when all
    of them are, it never learns again, however much the model gives away later.
    """
    layers = [layer for pair in pairwise(sizes) for layer in (nn.LeakyReLU(0.1), nn.Linear(*pair))]
    return nn.Sequential(*layers[1:])
