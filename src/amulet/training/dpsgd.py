"""Differentially private SGD. Abadi et al. 2016, https://arxiv.org/abs/1607.00133, Algorithm 1."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Annotated, ClassVar, Literal, Self, final

import torch
from annotated_types import Gt
from torch import Generator, Tensor, nn

from amulet.core.data import Data, Schema
from amulet.core.errors import AmuletError, Problem
from amulet.core.seeds import generator
from amulet.core.spec import Count, NonNegative, OpenProbability, Positive
from amulet.core.trainable import DataUse
from amulet.core.user_code.containment import text_of
from amulet.functional.gradients.per_record import Tensors
from amulet.training.clipped_sums import (
    Form,
    added_up,
    advance,
    clipped_sum_by_record,
    clipped_sum_one_by_one,
    form_for,
    in_parts,
    moving,
)
from amulet.training.stages import Update
from amulet.training.updates import Pace, RecordLosses, Rule

LEAST_EPSILON, MOST_EPSILON = 0.05, 100
"""Beyond these Opacus's search for the noise fails or takes minutes."""

Accountant = Literal["prv", "rdp"]
"""How Opacus composes the privacy loss: numerically (Gopi et al. 2021) or by Renyi divergences."""


@dataclass(frozen=True)
class DPSGD(Update):
    """Poisson batches, gradients clipped record by record, Gaussian noise on their sum.

    State either `epsilon`, the guarantee asked for, or `noise_multiplier`, the noise's standard deviation in
    units of `clip`. `lot_size` is the expected batch (None: the recipe's batch size) by which the noisy sum
    is divided; epochs, optimizer and schedule are the recipe's. The (epsilon, delta) guarantee is for adding
    or removing one record, as Opacus's accountant composes it, and is reported in `Fitted.facts`. `delta`
    must be below one over the number of records. `physical_batch` is the most records whose gradients are in
    memory at one time; a lot that is larger is worked off in parts, which changes neither the noise nor epsilon.

    `noise_multiplier=0` with an infinite `clip` is plain SGD on Poisson batches, epsilon infinite.
    """

    risk = "membership_inference"
    family = "differential_privacy"
    other_risks = ("data_reconstruction",)
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
    physical_batch: Count | None = None

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

    def pace_problems(self, pace: Pace) -> Iterator[Problem]:
        """The accountant must have an answer: it is asked for noise and epsilon before anything is trained."""
        lots = self._lots(pace)
        try:
            epsilon_of(self._sigma(lots), self.delta, lots.rate, lots.steps, self.accountant)
        except AmuletError as error:
            yield Problem("noise_multiplier" if self.epsilon is None else "epsilon", str(error))

    def for_rehearsal(self) -> Self:
        """With noise that need not be looked for, on all records at once."""
        return replace(self, epsilon=None, noise_multiplier=self.noise_multiplier or 0.0, lot_size=None)

    def begin(self, pace: Pace, seed: int, device: str) -> Rule:
        """Find the noise for the run's sampling rate and steps."""
        lots = self._lots(pace)
        return PrivateRule(self, lots, self._sigma(lots), generator(seed, "noise", device=device))

    def _lots(self, pace: Pace) -> Pace:
        return replace(pace, batch_size=min(self.lot_size or pace.batch_size, pace.records))

    def _sigma(self, lots: Pace) -> float:
        if self.epsilon is not None:
            return noise_for(self.epsilon, self.delta, lots.rate, lots.steps, self.accountant)
        assert self.noise_multiplier is not None  # noqa: S101 - `problems` has seen to it
        return self.noise_multiplier


@final
class PrivateRule(Rule):
    """One run of DP-SGD."""

    def __init__(self, spec: DPSGD, lots: Pace, sigma: float, rng: Generator) -> None:
        self._spec, self._lots, self._sigma, self._rng = spec, lots, sigma, rng
        self._form: Form | None = None
        self._moving: bool | None = None

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
        if self._moving is None:
            self._moving = moving(model, batch)
        if self._moving:
            advance(model, batch)

    def notices(self, owner: str) -> Iterator[str]:
        """Say when gradients are taken one record at a time, and why."""
        if self._form is not None and self._form.reason is not None:
            yield (
                f"DP-SGD takes the gradients of {owner} one record at a time, which is slow: torch.func cannot take "
                f"them together ({self._form.reason})."
            )

    def _sum(self, losses: RecordLosses, model: nn.Module, batch: Data) -> Tensors:
        parts = in_parts(batch, self._spec.physical_batch or len(batch))
        return added_up(self._sum_of_part(losses, model, part) for part in parts)

    def _sum_of_part(self, losses: RecordLosses, model: nn.Module, batch: Data) -> Tensors:
        if self._form is None and len(batch) > 1:  # one record alone cannot show that others matter
            self._form = form_for(losses, model, batch)
        form = self._form or Form(clipped_sum_by_record)
        try:
            return form.clipped_sum(losses, model, batch, self._spec.clip)
        except Exception as error:
            if form.reason is not None:
                raise
            self._form = Form(clipped_sum_one_by_one, text_of(error))
            return clipped_sum_one_by_one(losses, model, batch, self._spec.clip)

    def _noise(self, like: Tensor) -> Tensor:
        if self._sigma == 0:
            return torch.zeros_like(like)
        noise = torch.randn(like.shape, generator=self._rng, device=like.device, dtype=like.dtype)
        return noise.mul_(self._sigma * self._spec.clip)


@cache
def noise_for(epsilon: float, delta: float, rate: float, steps: int, accountant: Accountant) -> float:
    """The least noise multiplier that Opacus finds for (epsilon, delta)-DP; never more than epsilon is spent."""
    from opacus.accountants.utils import get_noise_multiplier  # noqa: PLC0415 - opacus takes seconds to import

    with _accounting(accountant, f"epsilon {epsilon:g} and delta {delta:g}"):
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
    with _accounting(accountant, f"noise_multiplier {sigma:g} and delta {delta:g}"):
        return max(0.0, float(ledger.get_epsilon(delta=delta)))  # below zero where delta alone covers the loss


@contextmanager
def _accounting(accountant: Accountant, asked: str) -> Iterator[None]:
    """Opacus warns when its grid of Renyi orders ends early: the bound is then looser than need be, not wrong.

    Raises:
        AmuletError: it has no answer.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Optimal order is the", category=UserWarning)
        for limit in ("overflow", "divide by zero"):  # of large losses and of whole batches; its limits are right
            warnings.filterwarnings("ignore", message=f"{limit} encountered", category=RuntimeWarning)
        try:
            yield
        except (ArithmeticError, MemoryError, RuntimeError, ValueError) as error:
            other = "" if accountant == "rdp" else ", or let the accountant 'rdp' compute a bound that is less tight"
            raise AmuletError(
                f"The accountant '{accountant}' of DPSGD has no answer for {asked} ({text_of(error).rstrip('.')}). "
                f"Ask for a larger one of the two{other}."
            ) from error
