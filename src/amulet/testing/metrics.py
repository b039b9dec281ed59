"""The check of metrics."""

from typing import Any

import torch

from amulet.core.metric import Metric, Undefined
from amulet.core.outcome import Outcome
from amulet.core.probe import Probe
from amulet.core.seeds import generator
from amulet.core.text import with_article
from amulet.experiments.registry.plugins import Kind, plugins
from amulet.testing.promises import agree, check_spec, require
from amulet.testing.toys import toy_game


def check_metric(metric: Metric[Any], outcome: Outcome | None = None) -> None:
    """Check that a metric ignores the order of records, stays in its range and leaves the outcome unchanged.

    Args:
        metric: to check.
        outcome: what the metric is computed from; by default that of a registered attack or audit on toy data.

    Raises:
        AssertionError: it does not.
    """
    check_spec(metric, paper=True)
    require(metric.riskier in {"low", "high", None}, f"'riskier' of {metric} must be 'low', 'high' or None")
    found = outcome if outcome is not None else _toy_outcome(metric)
    before = {name: tensor.clone() for name, tensor in found.tensors().items()}
    value = metric(found)
    require(agree(found.tensors(), before), f"{metric} must leave the outcome as it was")
    order = torch.randperm(len(found), generator=generator(0, "order"))
    again = metric(found[order])
    same = value == again if isinstance(value, Undefined) else abs(value - float(again)) < 1e-9  # type: ignore[arg-type]
    require(same, f"{metric} must ignore the order of records; it was {value} and became {again}")


def _toy_outcome(metric: Metric[Any]) -> Outcome:
    for plugin in plugins():
        if (
            plugin.kind in {Kind.ATTACK, Kind.AUDIT}
            and getattr(plugin.spec, "outcome_type", None) is metric.outcome_type()
        ):
            probe = plugin.spec()
            assert isinstance(probe, Probe)  # noqa: S101
            found: Outcome | Undefined = probe.play(toy_game(probe))
            if not isinstance(found, Undefined):
                return found
    raise AssertionError(
        f"Nothing registered gives {with_article(metric.outcome_type().__name__)}; pass an outcome to check_metric."
    )
