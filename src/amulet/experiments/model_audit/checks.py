"""The validity checks of one model: whether it has learned anything, and whether each attack reaches anything."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from amulet.core.metric import Metric
from amulet.experiments.pairs.advantage import Values, advantage
from amulet.experiments.results.checks.gates import ATTACK, STRENGTH, Checked
from amulet.statistics import Gate, exceeds_resampled, worst_gate

AUDITED: Final = "audited"
"""The row of all checks, since there is one model only."""

_FOLLOWS: Final = {
    (ATTACK, Gate.FAILED): (
        "The attack reaches no more than chance, or than a guess without the model. That it finds nothing does not "
        "show that there is nothing to find."
    ),
    (
        ATTACK,
        Gate.UNPROVEN,
    ): "It is not shown that the attack reaches more than chance, or than a guess without the model.",
    (STRENGTH, Gate.FAILED): (
        "The attack does no better than random noise of its size: a sign that it fails. What it leaves standing does "
        "not show robustness."
    ),
    (STRENGTH, Gate.UNPROVEN): "It is not shown that the attack does better than random noise of its size.",
}


def _check(name: str, about: str, state: Gate) -> Checked:
    """A check of an attack on the model in a given state, and what follows if it has not passed."""
    return Checked(name, AUDITED, about, state, _FOLLOWS.get((name, state), ""))


def attack_checks(probe: str, values: Values) -> Iterator[Checked]:
    """The checks of one attack or audit, by one-sided bounds over resamples of the records, each at a level of 5%.

    The check "attack" compares each primary metric, and metrics that show findings, with chance; "strength" compares
    what an evasion attack leaves standing with what random noise does.

    Args:
        probe: its name.
        values: of its metrics that are defined, on resamples; one value each where cases are no records, which cannot
            be resampled. A check then fails or is unproven.
    """
    metrics = list(values)
    primary = [metric for metric in metrics if metric.primary]
    judged = [metric for metric in metrics if metric.primary or metric.shows == "findings"]
    beyond = [(metric, advantage(metric, metric.chance, values)) for metric in judged]
    states = [_state(gain, metric) for metric, gain in beyond if gain is not None]
    if primary and states:
        yield _check(ATTACK, probe, worst_gate(states))
    noise = next((metric for metric in metrics if metric.shows == "noise"), None)
    for metric in primary if noise else ():
        gain = advantage(metric, str(noise), values)
        if gain is not None and np.nanmean(values[metric]) > metric.margin:  # near 0, noise may do as well
            yield _check(STRENGTH, probe, _state(gain, metric))


def _state(gain: NDArray[np.float64], metric: Metric[Any]) -> Gate:
    if len(gain) == 1:
        return Gate.UNPROVEN if gain[0] > 0 else Gate.FAILED
    return exceeds_resampled(gain, metric.margin)
