"""What was found of one pair of models."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import pandas as pd

from amulet.core.errors import AmuletError
from amulet.core.spec import Plain
from amulet.core.tally import Tally
from amulet.experiments.numbers import Column
from amulet.experiments.results import written_results
from amulet.statistics import Verdict, Word

KIND = "pair"
FORMAT = 1


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
        return json.dumps({"kind": KIND, "format": FORMAT, **body}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Back from `to_json`.

        Raises:
            AmuletError: the text is something else.
        """
        try:
            body = json.loads(text)
            if (body.pop("kind"), body.pop("format")) != (KIND, FORMAT):
                raise AmuletError(
                    "These results were written by another version of Amulet. Run `amulet compare` again."
                )
            before, after = (ModelFacts(**facts) for facts in body.pop("models"))
            cells = tuple(_cell(plain) for plain in body.pop("cells"))
            tested = Tally(**body.pop("tested", {}))
            return cls(**body, models=(before, after), cells=cells, tested=tested)
        except (ValueError, KeyError, TypeError) as error:
            raise AmuletError(f"This is not a file of Amulet's results of a pair ({error!r}).") from None

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The results of a comparison, by its folder.

        Raises:
            AmuletError: there are none.
        """
        return cls.from_json(written_results(folder, "compare"))


def holds_pair(folder: Path) -> bool:
    """Whether a folder's results.json is of a pair of models."""
    try:
        body = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(body, dict) and body.get("kind") == KIND


def _cell(plain: dict[str, Any]) -> PairCell:
    """Without what follows from the rest."""
    verdict, column, reasons = plain.pop("verdict"), plain.pop("column"), plain.pop("reasons")
    del plain["difference"], verdict["family"]
    word, interval = Word(verdict.pop("word")), verdict.pop("interval")
    judged = Verdict(word=word, interval=tuple(interval) if interval else None, **verdict)
    return PairCell(**plain, column=Column(**column), reasons=tuple(reasons), verdict=judged)
