"""Optimizers and learning rate schedules, as specs."""

import math
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from torch import nn, optim

from amulet.core.errors import Problem
from amulet.core.spec import NonNegative, OpenProbability, Positive, Probability, Spec


@dataclass(frozen=True)
class Schedule(Spec):
    """How the learning rate changes over training."""

    @abstractmethod
    def factor(self, progress: float) -> float:
        """The share of the optimizer's rate at `progress` in [0, 1) of all steps."""


@dataclass(frozen=True)
class Constant(Schedule):
    """One rate throughout."""

    def factor(self, progress: float) -> float:
        """Always one."""
        del progress
        return 1.0


@dataclass(frozen=True)
class Cosine(Schedule):
    """Half a cosine from the full rate to zero. Loshchilov and Hutter 2017, https://arxiv.org/abs/1608.03983, eq. 5."""

    def factor(self, progress: float) -> float:
        """From one to zero."""
        return (1 + math.cos(math.pi * progress)) / 2


@dataclass(frozen=True)
class OneCycle(Schedule):
    """A linear warm-up from a 25th of the rate, then half a cosine. Smith 2018, https://arxiv.org/abs/1803.09820."""

    warmup: OpenProbability = 0.3

    def factor(self, progress: float) -> float:
        """Up over the first `warmup` share of the steps, then down to zero."""
        if progress < self.warmup:
            return 0.04 + 0.96 * progress / self.warmup
        return (1 + math.cos(math.pi * (progress - self.warmup) / (1 - self.warmup))) / 2


@dataclass(frozen=True)
class Steps(Schedule):
    """The rate times `decay` at each milestone, a share of all steps. He et al. 2016, arXiv 1512.03385, section 4.2."""

    milestones: tuple[OpenProbability, ...] = (0.5, 0.75)
    decay: OpenProbability = 0.1

    def problems(self) -> Iterator[Problem]:
        """Milestones come one after the other."""
        if not self.milestones or list(self.milestones) != sorted(set(self.milestones)):
            yield self.problem("milestones", "at least one share, each larger than the one before")

    def factor(self, progress: float) -> float:
        """Down at each milestone that has been reached."""
        return self.decay ** sum(progress >= milestone for milestone in self.milestones)


@dataclass(frozen=True)
class Optimizer(Spec):
    """A rule that turns gradients into steps."""

    @abstractmethod
    def build(self, parameters: Iterable[nn.Parameter]) -> optim.Optimizer:
        """Torch's optimizer over the parameters."""


@dataclass(frozen=True)
class Adam(Optimizer):
    """Kingma and Ba 2015, https://arxiv.org/abs/1412.6980; weight decay decoupled (AdamW, arXiv 1711.05101)."""

    version: ClassVar[int] = 2
    lr: Positive = 1e-3
    weight_decay: NonNegative = 0.0

    def build(self, parameters: Iterable[nn.Parameter]) -> optim.Optimizer:
        """torch.optim.AdamW, which without weight decay is Adam, in its fused form."""
        return optim.AdamW(parameters, lr=self.lr, weight_decay=self.weight_decay, fused=True)


@dataclass(frozen=True)
class SGD(Optimizer):
    """Stochastic gradient descent with momentum."""

    version: ClassVar[int] = 2
    lr: Positive = 0.1
    momentum: Probability = 0.9
    nesterov: bool = False
    weight_decay: NonNegative = 0.0

    def problems(self) -> Iterator[Problem]:
        """Nesterov's step looks ahead along the momentum."""
        if self.nesterov and self.momentum == 0:
            yield self.problem("momentum", "greater than 0 with nesterov")

    def build(self, parameters: Iterable[nn.Parameter]) -> optim.Optimizer:
        """torch.optim.SGD in its fused form."""
        return optim.SGD(
            parameters,
            lr=self.lr,
            momentum=self.momentum,
            nesterov=self.nesterov,
            weight_decay=self.weight_decay,
            fused=True,
        )
