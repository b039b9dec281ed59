"""What is asked of two trained models, or of one, without training anything."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from annotated_types import Interval

from amulet.core.errors import Problem
from amulet.core.metric import Metric
from amulet.core.probe import Probe
from amulet.core.roles import TARGET, target_request
from amulet.core.spec import NonNegativeInt, Spec
from amulet.core.split import Split
from amulet.experiments.planning.experiment import question_problems
from amulet.experiments.registry.plugins import metrics_for
from amulet.statistics import fewest_resamples

Told = Callable[[str, int, int], None]
"""A function that is told of progress: the probe, the number of steps done, and the number of steps in all."""

_ADVICE = "and a pair is compared without training any. Leave it out, or assess both recipes with `amulet assess`."


Resamples = Annotated[int, Interval(ge=1, le=1_000_000)]


@dataclass(frozen=True)
class Questions(Spec):
    """The attacks, audits and metrics for a comparison of two models, and how differences are tested.

    Attributes:
        probes: attacks that need no training, and audits.
        metrics: metrics in addition to all registered ones with their default settings. A metric that is listed here
            replaces the registered one of its class.
        split: which training records the models were trained on; None if both were trained on all of them.
        seed: decides the attacks' random choices and the resamples.
        resamples: how often the records are resampled; None for the smallest number that simultaneous confidence
            intervals can be computed from.
        by_group: names of sensitive attributes. Every metric whose cases are records is also measured on the records of
            each of their groups, as an exploratory metric.
    """

    probes: tuple[Probe, ...]  # type: ignore[type-arg]
    metrics: tuple[Metric, ...] = ()  # type: ignore[type-arg]
    split: Split | None = None
    seed: NonNegativeInt = 0
    resamples: Resamples | None = None
    by_group: tuple[str, ...] = ()

    def problems(self) -> Iterator[Problem]:
        """The problems of probes that need training, of repeated probes and metrics, and of too few resamples."""
        yield from question_problems("Questions", self.probes, self.metrics)
        for probe in self.probes:
            yield from (Problem("attacks", f"{probe} {why} {_ADVICE}") for why in needs_training(probe))
        if self.resamples is not None and self.resamples < self.fewest:
            yield self.problem("resamples", f"at least {self.fewest} for {self.primaries} simultaneous intervals")

    @property
    def primaries(self) -> int:
        """The number of primary metrics, which are judged together as one family."""
        return sum(metric.primary for probe in self.probes for metric in metrics_for(probe, self.metrics))

    @property
    def fewest(self) -> int:
        """The smallest number of resamples that simultaneous confidence intervals can be computed from."""
        return fewest_resamples(self.primaries)

    @property
    def drawn(self) -> int:
        """The number of resamples that are drawn."""
        return self.resamples or self.fewest

    def drawn_for(self, metric: Metric[Any]) -> int:
        """The number of resamples for a metric.

        All are used for a primary metric. Others are judged by themselves and need fewer: so many that as many of them
        lie beyond each end of the interval.
        """
        return self.drawn if metric.primary else self.drawn_exploratory

    @property
    def drawn_exploratory(self) -> int:
        """The number of resamples for a metric that is judged by itself."""
        return self.drawn // max(1, self.primaries)


def needs_training(probe: Probe[Any]) -> Iterator[str]:
    """The reasons why a probe cannot be run on a model that was trained on the members, without further training."""
    requests = probe.models(Split())
    if requests.get(TARGET) != (target_request(Split()),):
        yield "is played on a model that was trained on tampered records,"
        return
    for role, asked in requests.items():
        if role != TARGET:
            yield f"needs {len(asked)} {role} model{'s' if len(asked) > 1 else ''},"
