"""Differentially private SGD. Abadi et al. 2016, https://arxiv.org/abs/1607.00133, Algorithm 1."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import ClassVar, final

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call

from amulet.core.data import Data, Schema
from amulet.core.errors import Problem
from amulet.core.seeds import generator
from amulet.core.spec import Count, NonNegative, OpenProbability, Positive
from amulet.functional.per_record import Tensors, clip_and_sum, per_record_gradients
from amulet.training.stages import DataUse, Update
from amulet.training.updates import Pace, RecordLosses, Rule

RECORDS_AT_ONCE = 256
"""Records whose gradients are held at one time; it bounds memory and changes no number but by rounding."""


class Accountant(StrEnum):
    """How Opacus composes the privacy loss: numerically (Gopi et al. 2021) or by Renyi divergences."""

    PRV = "prv"
    RDP = "rdp"


@dataclass(frozen=True)
class DPSGD(Update):
    """Poisson batches, gradients clipped record by record, Gaussian noise on their sum.

    State either `epsilon`, the guarantee asked for, or `noise_multiplier`, the noise's standard deviation in
    units of `clip`. `lot_size` is the expected batch (None: the recipe's batch size) by which the noisy sum
    is divided; epochs, optimizer and schedule are the recipe's. The (epsilon, delta) guarantee is for adding
    or removing one record, as Opacus's accountant composes it, and is reported in `Fitted.facts`. `delta`
    must be below one over the number of records.

    `noise_multiplier=0` with an infinite `clip` is plain SGD on Poisson batches, epsilon infinite.
    """

    risk = "membership_inference"
    data_use = DataUse.RECORD
    private: ClassVar[bool] = True

    epsilon: Positive | None = 8.0
    delta: OpenProbability = 1e-5
    clip: Positive = 1.0
    noise_multiplier: NonNegative | None = None
    lot_size: Count | None = None
    accountant: Accountant = Accountant.PRV

    def problems(self) -> Iterator[Problem]:
        """Exactly one of the two ways to state the noise."""
        if (self.epsilon is None) == (self.noise_multiplier is None):
            yield self.problem("noise_multiplier", "given if and only if 'epsilon' is None")

    def data_problems(self, schema: Schema, records: int) -> Iterator[Problem]:
        """Delta must be small beside the number of records."""
        del schema
        if self.delta * records >= 1:
            yield self.problem("delta", f"below one over the {records} training records")

    def begin(self, pace: Pace, seed: int, device: str) -> Rule:
        """Find the noise for the run's sampling rate and steps."""
        lots = replace(pace, batch_size=min(self.lot_size or pace.batch_size, pace.records))
        rate, steps = lots.batch_size / lots.records, lots.steps
        sigma = self.noise_multiplier
        if self.epsilon is not None:
            sigma = noise_for(self.epsilon, self.delta, rate, steps, self.accountant)
        assert sigma is not None  # noqa: S101 - `problems` has seen to it
        return PrivateRule(self, lots, sigma, generator(seed, "noise", device=device))


@final
class PrivateRule(Rule):
    """One run of DP-SGD."""

    def __init__(self, spec: DPSGD, lots: Pace, sigma: float, rng: Generator) -> None:
        self._spec, self._lots, self._sigma, self._rng = spec, lots, sigma, rng

    @property
    def facts(self) -> Mapping[str, float | int]:
        """The guarantee, and what it follows from."""
        rate = self._lots.batch_size / self._lots.records
        spent = epsilon_of(self._sigma, self._spec.delta, rate, self._lots.steps, self._spec.accountant)
        return {
            "epsilon": spent,
            "delta": self._spec.delta,
            "noise_multiplier": self._sigma,
            "sampling_rate": rate,
            "steps": self._lots.steps,
        }

    def epoch(self, order: Generator) -> Iterator[Tensor]:
        """Each record joins each batch by a coin of its own; a batch may be empty."""
        rate = self._lots.batch_size / self._lots.records
        for _ in range(self._lots.steps_per_epoch):
            yield (torch.rand(self._lots.records, generator=order) < rate).nonzero().flatten()

    def backward(self, losses: RecordLosses, model: nn.Module, batch: Data) -> None:
        """(sum of clipped gradients + noise) / expected batch size."""
        parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
        total = clipped_sum(losses, model, batch, self._spec.clip)
        for name, parameter in parameters.items():
            summed = total.get(name, torch.zeros_like(parameter))
            if self._sigma > 0:
                noise = torch.randn(parameter.shape, generator=self._rng, device=parameter.device, dtype=parameter.dtype)
                summed = summed + self._sigma * self._spec.clip * noise
            parameter.grad = summed / self._lots.batch_size


def clipped_sum(losses: RecordLosses, model: nn.Module, batch: Data, clip: float) -> Tensors:
    """The sum over the batch of per-record gradients clipped to norm `clip`; empty for an empty batch."""
    parameters = {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}

    def loss(parameters: Tensors, record: Tensors) -> Tensor:
        one = replace(batch, **{name: tensor.unsqueeze(0) for name, tensor in record.items()})  # type: ignore[arg-type]
        return losses(lambda x: functional_call(model, parameters, (x,)), one).squeeze(0)  # type: ignore[no-any-return]

    total: Tensors = {}
    for places in torch.arange(len(batch)).split(RECORDS_AT_ONCE) if len(batch) else ():
        gradients = per_record_gradients(loss, parameters, batch[places.to(batch.x.device)].tensors())
        for name, summed in clip_and_sum(gradients, clip).items():
            total[name] = total[name] + summed if name in total else summed
    return total


@cache
def noise_for(epsilon: float, delta: float, rate: float, steps: int, accountant: Accountant) -> float:
    """The least noise multiplier that Opacus finds for (epsilon, delta)-DP; never more than epsilon is spent."""
    from opacus.accountants.utils import get_noise_multiplier  # noqa: PLC0415 - opacus takes seconds to import

    return float(
        get_noise_multiplier(
            target_epsilon=epsilon, target_delta=delta, sample_rate=rate, steps=steps, accountant=accountant.value
        )
    )


@cache
def epsilon_of(sigma: float, delta: float, rate: float, steps: int, accountant: Accountant) -> float:
    """Epsilon at delta of `steps` subsampled Gaussian mechanisms, from Opacus's accountant."""
    from opacus.accountants import create_accountant  # noqa: PLC0415 - see noise_for

    if sigma == 0:
        return float("inf")
    ledger = create_accountant(mechanism=accountant.value)
    ledger.history = [(sigma, rate, steps)]
    return float(ledger.get_epsilon(delta=delta))
