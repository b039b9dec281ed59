"""What was found of one pair of models."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Self

import pandas as pd

from amulet.core.files import StrPath
from amulet.core.spec import Plain
from amulet.core.tally import Tally
from amulet.experiments.pairs.pair_file import PAIR_FORMAT, WrittenPairCell, parse_pair
from amulet.experiments.results.numbers import Column
from amulet.experiments.results.result_folders import PAIR, written_results
from amulet.statistics import Paired, Verdict


@dataclass(frozen=True)
class ModelFacts:
    """Which model it is.

    Attributes:
        name: of its class.
        structure: as it prints itself.
        parameters: how many.
        weights: SHA-256 over all its tensors.
    """

    name: str
    structure: str
    parameters: int
    weights: str


@dataclass(frozen=True)
class PairCell:
    """One metric of both models.

    Attributes:
        records: that the metric is read off.
        before, after: its values, None where it has none.
        reasons: why it has none, each once.
        resamples: of the records, from which the interval comes.
        lost: those among them on which it has no value.
        verdict: of the difference; its interval is over other records, not over other trainings.
    """

    column: Column
    records: int
    before: float | None
    after: float | None
    reasons: tuple[str, ...]
    resamples: int
    lost: int
    verdict: Verdict

    @property
    def difference(self) -> float | None:
        """After minus before."""
        return None if self.before is None or self.after is None else self.after - self.before


@dataclass(frozen=True)
class PairResults:
    """Everything found of one pair of models, and of this pair only. `frame` has a line for each metric.

    Attributes:
        spec: what was asked.
        models: before and after.
        records: how many are members, others (non-members) and test records.
        resamples: of the records, for the primary metrics; the exploratory ones are read off the first of them.
        tested: how many test records there are of each class and group; empty in results of older versions.
    """

    name: str
    dataset: str
    content: str
    spec: Plain
    models: tuple[ModelFacts, ModelFacts]
    records: Mapping[str, int]
    resamples: int
    cells: tuple[PairCell, ...]
    tested: Tally = field(default_factory=Tally)

    @property
    def columns(self) -> tuple[Column, ...]:
        """What was measured."""
        return tuple(cell.column for cell in self.cells)

    @property
    def frame(self) -> pd.DataFrame:
        """One line per metric; undefined values are NaN."""
        return pd.DataFrame(
            [
                {
                    "risk": cell.column.risk,
                    "probe": cell.column.probe,
                    "metric": cell.column.metric,
                    "before": cell.before,
                    "after": cell.after,
                    "difference": cell.difference,
                    "low": cell.verdict.interval[0] if cell.verdict.interval else None,
                    "high": cell.verdict.interval[1] if cell.verdict.interval else None,
                    "verdict": str(cell.verdict.word),
                    "primary": cell.column.primary,
                }
                for cell in self.cells
            ]
        ).astype(dict.fromkeys(("before", "after", "difference", "low", "high"), float))

    def to_json(self) -> str:
        """The same text for the same models, records and settings."""
        body = asdict(self)
        for plain, cell in zip(body["cells"], self.cells, strict=True):
            plain["difference"] = cell.difference
            plain["verdict"]["family"] = "primary" if cell.column.primary else "exploratory"
        return json.dumps({"kind": PAIR, "format": PAIR_FORMAT, **body}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Back from `to_json`.

        Raises:
            AmuletError: the text is something else, of another format, or does not hold together.
        """
        file = parse_pair(text)
        before, after = (ModelFacts(**dict(model)) for model in file.models)
        return cls(
            name=file.name,
            dataset=file.dataset,
            content=file.content,
            spec=file.spec,
            models=(before, after),
            records=dict(file.records),
            resamples=file.resamples,
            cells=tuple(_cell(cell) for cell in file.cells),
            tested=Tally(**dict(file.tested)),
        )

    @classmethod
    def read(cls, folder: StrPath) -> Self:
        """The results of a comparison, by its folder.

        Raises:
            AmuletError: there are none.
        """
        return cls.from_json(written_results(folder, "compare"))


def _cell(written: WrittenPairCell) -> PairCell:
    """Without what follows from the rest."""
    verdict = written.verdict
    paired = Paired(**dict(verdict.paired)) if verdict.paired else None
    interval = (verdict.interval[0], verdict.interval[1]) if verdict.interval else None
    judged = Verdict(verdict.word, paired, interval, verdict.p, verdict.margin, verdict.level, verdict.reason)
    numbers = (written.records, written.before, written.after)
    counts = (written.resamples, written.lost)
    return PairCell(Column(**dict(written.column)), *numbers, tuple(written.reasons), *counts, judged)
