"""What is left out of an assessment or an audit since it cannot be done, with the reason."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from amulet.core.dataset import AmuletDataset
from amulet.core.metric import Metric
from amulet.core.probe import Probe
from amulet.core.trainable import Defense
from amulet.experiments.planning.experiment import Row
from amulet.experiments.registry.plugins import metrics_for


@dataclass(frozen=True)
class LeftOut:
    """An attack, an audit, a metric, a factor or a defense that is left out since it cannot be used.

    Attributes:
        risk: its risk; of defenses those that they are made for, empty if none; "factor" of factors.
        name: what is left out, with its settings; of a pair of defenses both, of metrics all of one attack or audit.
        reason: why, in sentences.
        pairs: of a defense, how many pairs with another one are left out with it.
    """

    risk: str
    name: str
    reason: str
    pairs: int = 0

    def __str__(self) -> str:
        """As a sentence, such as "DPSGD (membership_inference) is left out: ..."."""
        verb = "are" if " and " in self.name else "is"
        with_it = {0: "", 1: " So is its pair with another defense."}.get(
            self.pairs, f" So are its {self.pairs} pairs."
        )
        return f"{self.name}{f' ({self.risk})' if self.risk else ''} {verb} left out: {self.why}{with_it}"

    @property
    def why(self) -> str:
        """The reason, as it follows on the name."""
        if self.reason.startswith(f"{self.name} "):
            return f"it {self.reason.removeprefix(f'{self.name} ')}"
        return self.reason.removeprefix(f"{self.name}: ")

    def named_in(self, text: str) -> bool:
        """Whether a text, such as a condition on verdicts, names something of what is left out."""
        names = {word.partition("(")[0].rstrip(",") for word in self.name.split()} - {"and", "of"}
        return not names.isdisjoint(re.findall(r"\w+", text))

    @classmethod
    def of(cls, row: Row, reasons: Iterable[str], pairs: int = 0) -> "LeftOut":
        """A row of defenses that is left out."""
        risks = dict.fromkeys(defense.risk for defense in row.defenses if defense.risk)
        return cls(", ".join(risks), " and ".join(map(str, row.defenses)), " ".join(dict.fromkeys(reasons)), pairs)


def possible_rows(
    rows: Sequence[Row], reasons_against: Callable[[Row], Iterable[str]]
) -> tuple[list[Row], list[LeftOut]]:
    """The rows that nothing speaks against, and what is left out.

    Args:
        rows: rows of one defense each, then rows of pairs of defenses.
        reasons_against: the reasons why a row cannot be used, in sentences.

    Returns:
        The rows without a reason against them, and the others. A pair with a defense that is left out by itself is
        counted there, and is not among the others.
    """
    kept, others, refused = list[Row](), list[tuple[Row, tuple[str, ...]]](), dict[Defense, int]()
    for row in rows:
        if with_it := [defense for defense in row.defenses if defense in refused]:
            refused |= {defense: refused[defense] + 1 for defense in with_it}
        elif reasons := tuple(reasons_against(row)):
            others.append((row, reasons))
            refused |= {defense: 0 for defense in row.defenses if len(row.defenses) == 1}
        else:
            kept.append(row)
    return kept, [LeftOut.of(row, reasons, refused.get(row.defenses[0], 0)) for row, reasons in others]


def measurable(probe: Probe[Any], listed: Sequence[Metric[Any]], dataset: AmuletDataset) -> tuple[Metric[Any], ...]:
    """The metrics of an attack or audit that may have a value on these records.

    Args:
        probe: the attack or audit.
        listed: the metrics that an experiment lists.
        dataset: the records.
    """
    return tuple(each for each in metrics_for(probe, listed) if probe.without_value(each, dataset) is None)


def metrics_left_out(
    probes: Iterable[Probe[Any]], listed: Sequence[Metric[Any]], dataset: AmuletDataset
) -> Iterator[LeftOut]:
    """The metrics that `measurable` leaves out, those of one attack or audit and reason together."""
    for probe in probes:
        names: dict[str, list[str]] = {}
        for metric in metrics_for(probe, listed):
            if reason := probe.without_value(metric, dataset):
                names.setdefault(reason, []).append(str(metric))
        for reason, left_out in names.items():
            yield LeftOut(probe.risk, f"{_listed(left_out)} of {probe}", reason)


def _listed(names: Sequence[str]) -> str:
    """As part of a sentence: "one", "one and two", "one, two and three"."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
