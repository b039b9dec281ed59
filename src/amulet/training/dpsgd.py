"""Differentially private SGD. Abadi et al. 2016, https://arxiv.org/abs/1607.00133, Algorithm 1."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial, reduce
from typing import Annotated, ClassVar, Literal, final

import torch
from annotated_types import Gt
from torch import Generator, Tensor, nn
from torch.func import functional_call

from amulet.core.data import Data, Schema
from amulet.core.errors import Problem
from amulet.core.model import evaluating, filled
from amulet.core.seeds import generator
from amulet.core.spec import Count, NonNegative, OpenProbability, Positive
from amulet.core.trainable import DataUse
from amulet.functional import ghost
from amulet.functional.per_record import (
    Tensors,
    clipping_factors,
    per_record_gradients,
    squared_norms,
    weighted_sum,
)
from amulet.training.stages import Update
from amulet.training.updates import Pace, RecordLosses, Rule

LEAST_EPSILON, MOST_EPSILON = 0.05, 100
"""Beyond these Opacus's search for the noise fails or takes minutes."""

TIGHT = 1e-3
"""A bound below any gradient in training, so that every record's norm counts when two forms are compared."""

RECORDS_AT_ONCE = 256
"""Records that torch.func is given at one time, which bounds what it holds of their way through the model."""

NUMBERS_AT_ONCE = 2**28
"""Numbers in the gradients held record by record at one time: 1 GiB, or 29 records of a VGG11.

Both bound memory and change no number but by rounding."""


Accountant = Literal["prv", "rdp"]
"""How Opacus composes the privacy loss: numerically (Gopi et al. 2021) or by Renyi divergences."""


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
    version: ClassVar[int] = 2
    packages: ClassVar[tuple[str, ...]] = ("opacus", "numpy", "scipy")  # the accountant, which finds the noise

    epsilon: Positive | None = 8.0
    delta: OpenProbability = 1e-5
    clip: Annotated[float, Gt(0)] = 1.0
    noise_multiplier: NonNegative | None = None
    lot_size: Count | None = None
    accountant: Accountant = "prv"

    def problems(self) -> Iterator[Problem]:
        """Exactly one of the two ways to state the noise."""
        if (self.epsilon is None) == (self.noise_multiplier is None):
            yield self.problem("noise_multiplier", "given if and only if 'epsilon' is None")
        elif self.epsilon is not None and not LEAST_EPSILON <= self.epsilon <= MOST_EPSILON:
            yield self.problem(
                "epsilon", f"between {LEAST_EPSILON} and {MOST_EPSILON}, or None with a noise_multiplier"
            )
        elif self.clip == float("inf") and self.noise_multiplier != 0:
            yield self.problem("clip", "finite unless noise_multiplier is 0, since noise is in units of it")

    def data_problems(self, schema: Schema, records: int) -> Iterator[Problem]:
        """Delta must be small beside the number of records."""
        del schema
        if self.delta * records >= 1:
            yield self.problem("delta", f"below one over the {records} training records")

    def begin(self, pace: Pace, seed: int, device: str) -> Rule:
        """Find the noise for the run's sampling rate and steps."""
        lots = replace(pace, batch_size=min(self.lot_size or pace.batch_size, pace.records))
        sigma = self.noise_multiplier
        if self.epsilon is not None:
            sigma = noise_for(self.epsilon, self.delta, lots.rate, lots.steps, self.accountant)
        assert sigma is not None  # noqa: S101 - `problems` has seen to it
        return PrivateRule(self, lots, sigma, generator(seed, "noise", device=device))


@final
class PrivateRule(Rule):
    """One run of DP-SGD."""

    def __init__(self, spec: DPSGD, lots: Pace, sigma: float, rng: Generator) -> None:
        self._spec, self._lots, self._sigma, self._rng = spec, lots, sigma, rng
        self._clipped_sum: ClippedSum | None = None

    @property
    def steps_per_epoch(self) -> int:
        """Lots that cover the data about once."""
        return self._lots.steps_per_epoch

    @property
    def facts(self) -> Mapping[str, float | int]:
        """The guarantee, and what it follows from."""
        spent = epsilon_of(self._sigma, self._spec.delta, self._lots.rate, self._lots.steps, self._spec.accountant)
        return {
            "epsilon": spent,
            "delta": self._spec.delta,
            "noise_multiplier": self._sigma,
            "sampling_rate": self._lots.rate,
            "steps": self._lots.steps,
        }

    def epoch(self, order: Generator) -> Iterator[Tensor]:
        """Each record joins each batch by a coin of its own; a batch may be empty."""
        for _ in range(self._lots.steps_per_epoch):
            yield (torch.rand(self._lots.records, generator=order) < self._lots.rate).nonzero().flatten()

    def backward(self, losses: RecordLosses, model: nn.Module, batch: Data) -> None:
        """(sum of clipped gradients + noise) / expected batch size; an empty batch is noise alone."""
        total = self._sum(losses, model, batch) if len(batch) else {}
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                noisy = self._noise(parameter)
                if name in total:
                    noisy += total[name]
                parameter.grad = noisy.div_(self._lots.batch_size)

    def _sum(self, losses: RecordLosses, model: nn.Module, batch: Data) -> Tensors:
        if self._clipped_sum is None and len(batch) > 1:  # one record alone cannot show that others matter
            self._clipped_sum = clipped_sum_for(losses, model, batch)
        return (self._clipped_sum or clipped_sum_by_record)(losses, model, batch, self._spec.clip)

    def _noise(self, like: Tensor) -> Tensor:
        if self._sigma == 0:
            return torch.zeros_like(like)
        noise = torch.randn(like.shape, generator=self._rng, device=like.device, dtype=like.dtype)
        return noise.mul_(self._sigma * self._spec.clip)


ClippedSum = Callable[[RecordLosses, nn.Module, Data, float], Tensors]
"""(losses, model, batch of at least one record, bound) -> sum of per-record gradients of norm at most bound."""


def clipped_sum_for(losses: RecordLosses, model: nn.Module, batch: Data) -> ClippedSum:
    """The fast form where it is seen to agree with the one by record on a first batch, else that one.

    They disagree where a model uses weights outside its layers, or mixes records: by record, every record
    is seen alone, so that the guarantee holds in any case.
    """
    if not ghost.supports(model):
        return clipped_sum_by_record
    with evaluating(model):  # without dropout, which is drawn anew
        same = all(_agree(losses, model, batch, bound) for bound in (torch.inf, TIGHT))
    return clipped_sum_by_layer if same else clipped_sum_by_record


def _agree(losses: RecordLosses, model: nn.Module, batch: Data, bound: float) -> bool:
    fast, slow = (form(losses, model, batch, bound) for form in (clipped_sum_by_layer, clipped_sum_by_record))
    tolerances = {name: 1e-4 * float(gradient.abs().max()) for name, gradient in slow.items()}
    return all(torch.allclose(fast[name], slow[name], rtol=1e-3, atol=tolerances[name]) for name in slow)


def clipped_sum_by_layer(losses: RecordLosses, model: nn.Module, batch: Data, clip: float) -> Tensors:
    """From one backward pass, for models that `functional.ghost` supports; by record where a batch defies it."""
    try:
        parts = _parts(model, batch, len(batch))
        return _added(ghost.clipped_sum(model, partial(losses, model, part), clip) for part in parts)
    except ghost.Unsupported:
        return clipped_sum_by_record(losses, model, batch, clip)


def clipped_sum_by_record(losses: RecordLosses, model: nn.Module, batch: Data, clip: float) -> Tensors:
    """For any model without layers that mix records, by torch.func."""
    parameters = {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}

    def loss(parameters: Tensors, record: Tensors) -> Tensor:
        one = replace(batch, **{name: tensor.unsqueeze(0) for name, tensor in record.items()})  # type: ignore[arg-type]
        asked = filled(model, one)
        names = parameters if asked is model else {f"underneath.{name}": each for name, each in parameters.items()}
        return losses(lambda x: functional_call(asked, names, (x,)), one).squeeze(0)

    def clipped(part: Data) -> Tensors:
        gradients = per_record_gradients(loss, parameters, part.tensors())
        return weighted_sum(gradients, clipping_factors(squared_norms(gradients), clip))

    return _added(clipped(part) for part in _parts(model, batch, RECORDS_AT_ONCE))


def _parts(model: nn.Module, batch: Data, most: int) -> Iterator[Data]:
    """The batch, in parts of at most so many records whose gradients fit into memory."""
    numbers = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    size = max(1, min(most, NUMBERS_AT_ONCE // numbers))
    if len(batch) <= size:
        yield batch
        return
    for places in torch.arange(len(batch), device=batch.x.device).split(size):
        yield batch[places]


def _added(parts: Iterable[Tensors]) -> Tensors:
    """At least one."""
    return reduce(lambda one, other: {name: one[name] + other[name] for name in one}, parts)


@cache
def noise_for(epsilon: float, delta: float, rate: float, steps: int, accountant: Accountant) -> float:
    """The least noise multiplier that Opacus finds for (epsilon, delta)-DP; never more than epsilon is spent."""
    from opacus.accountants.utils import get_noise_multiplier  # noqa: PLC0415 - opacus takes seconds to import

    with _quiet_bounds():
        sigma = get_noise_multiplier(
            target_epsilon=epsilon,
            target_delta=delta,
            sample_rate=rate,
            steps=steps,
            accountant=accountant,
        )
    return float(sigma)


@cache
def epsilon_of(sigma: float, delta: float, rate: float, steps: int, accountant: Accountant) -> float:
    """Epsilon at delta of `steps` subsampled Gaussian mechanisms, from Opacus's accountant."""
    from opacus.accountants import create_accountant  # noqa: PLC0415 - see noise_for

    if sigma == 0:
        return float("inf")
    ledger = create_accountant(mechanism=accountant)
    ledger.history = [(sigma, rate, steps)]
    with _quiet_bounds():
        return max(0.0, float(ledger.get_epsilon(delta=delta)))  # below zero where delta alone covers the loss


@contextmanager
def _quiet_bounds() -> Iterator[None]:
    """Opacus warns when its grid of Renyi orders ends early: the bound is then looser than need be, not wrong."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Optimal order is the", category=UserWarning)
        yield
