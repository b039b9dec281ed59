"""A training run that stops after a few steps, and says what it would have taken to its end."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean
from time import perf_counter, process_time
from typing import Final, Self, final

import torch
from torch import Generator, Tensor, nn

from amulet.core.data import Data, Schema
from amulet.core.errors import Problem
from amulet.core.fitted import Fact
from amulet.core.spec import NonNegative
from amulet.core.trainable import DataUse
from amulet.training.stages import Update
from amulet.training.updates import Pace, PlainRule, RecordLosses, Rule

FEW: Final = 16
"""Records of the part of a batch that is learned first, to tell what a whole one takes."""

LONG: Final = 5.0
"""Seconds of a step from which it is not made in whole, but told from that part."""

SKIPPED: Final = "seconds of steps left out"
"""The fact that holds the time of all steps that a run under a `Stopwatch` has not made."""


def clock(device: str) -> float:
    """Seconds of this process: of the processor, which others do not add to, or of a GPU once it is idle."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
        return perf_counter()
    return process_time()


@dataclass(frozen=True)
class Stopwatch(Update):
    """Times the steps of another update rule, and ends the training once it knows enough.

    Each batch is drawn and learned as in the whole run, after a part of the first one. The fact `SKIPPED` is the number
    of steps that were not made times the mean duration of the later half of those that were: the first of them pay for
    what happens once. If a whole step would take more than `LONG` seconds, none is made; its duration is that of the
    part times the number of such parts in a batch.

    Attributes:
        rule: the update rule of the recipe; None for plain gradients.
        seconds: after how long the training ends; at 0 after one step.
    """

    data_use = DataUse.NONE
    rule: Update | None = None
    seconds: NonNegative = 1.0

    def begin(self, pace: Pace, seed: int, device: str) -> Rule:
        """The rule for one run."""
        rule = PlainRule(pace) if self.rule is None else self.rule.begin(pace, seed, device)
        return TimedRule(rule, pace.epochs, self.seconds, device)

    def data_problems(self, schema: Schema, records: int) -> Iterator[Problem]:
        """Those of the rule."""
        if self.rule is not None:
            yield from self.rule.data_problems(schema, records)

    def model_problems(self, model: nn.Module, some: Data) -> Iterator[Problem]:
        """Those of the rule."""
        if self.rule is not None:
            yield from self.rule.model_problems(model, some)

    def for_rehearsal(self) -> Self:
        """Itself, since one step is all that a rehearsal makes."""
        return self


@final
class TimedRule(Rule):
    """An update rule that runs out of batches when its time is up."""

    def __init__(self, rule: Rule, epochs: int, seconds: float, device: str) -> None:
        self._rule, self._epochs, self._seconds, self._device = rule, epochs, seconds, device
        self._steps: list[float] = []
        self._part = 0.0
        self._told: float | None = None

    @property
    def steps_per_epoch(self) -> int:
        """Those of the whole run."""
        return self._rule.steps_per_epoch

    @property
    def facts(self) -> Mapping[str, Fact]:
        """Those of the rule, and the time that the other steps would take."""
        left = self._epochs * self.steps_per_epoch - len(self._steps)
        step = fmean(self._steps[len(self._steps) // 2 :]) if self._told is None else self._told
        return {**self._rule.facts, SKIPPED: left * step - self._part}

    def epoch(self, order: Generator) -> Iterator[Tensor]:
        """The batches of the rule, until the time is up; then none."""
        if self._is_over():
            return
        started = clock(self._device)
        for places in self._rule.epoch(order):
            if not self._steps and len(places) > FEW:
                yield places[:FEW]
                self._part = clock(self._device) - started
                whole = self._part * len(places) / FEW
                if whole > LONG:
                    self._told = whole
                    return
                started = clock(self._device)
            yield places
            ended = clock(self._device)
            self._steps.append(ended - started)
            started = ended
            if self._is_over():
                return

    def _is_over(self) -> bool:
        return self._told is not None or (bool(self._steps) and sum(self._steps) >= self._seconds)

    def backward(self, losses: RecordLosses, model: nn.Module, batch: Data) -> None:
        """The rule's."""
        self._rule.backward(losses, model, batch)
