"""Conditions on verdicts, such as "membership_inference increases", by which a pipeline can stop a model.

A condition is written as ``[ROW:] WHAT CHANGE``:

- ROW is the label of a defended row; without it the condition is of every defended row.
- WHAT is a risk, an attack or an audit, whose primary metrics decide; or a metric, also as "METRIC of RISK" or
  "METRIC of ATTACK".
- CHANGE is "increases", "decreases" or "changes", or "may increase", "may decrease" or "may change", which undecided
  verdicts fulfil too. Of a risk, attack or audit it is the risk that changes; of a metric and of utility, the number.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from amulet.core.condition_form import FORM, NOT_OF_THE_FORM, not_understood, plainly
from amulet.core.errors import InvalidParameter, Problem
from amulet.experiments.planning.experiment import BASELINE
from amulet.experiments.planning.left_out import LeftOut
from amulet.experiments.planning.unreleased import NotJudged
from amulet.experiments.results.numbers import Column, MatrixCell
from amulet.experiments.results.results import Results
from amulet.statistics import Word

_CHANGES: Final = {
    "increases": {Word.INCREASES},
    "decreases": {Word.DECREASES},
    "changes": {Word.INCREASES, Word.DECREASES},
}
_UNDECIDED: Final = {Word.INCONCLUSIVE, Word.UNDEFINED, Word.NOT_INTERPRETABLE}
_OPPOSITE: Final = {Word.INCREASES: Word.DECREASES, Word.DECREASES: Word.INCREASES}


@dataclass(frozen=True)
class Condition:
    """One condition.

    Attributes:
        text: as it was written.
        rows: the rows that it is of.
        columns: the metrics that it is of.
        words: the verdicts that fulfil it, on what is named.
        of_risk: whether these verdicts are on the risk, not on the metric.
    """

    text: str
    rows: tuple[str, ...]
    columns: tuple[Column, ...]
    words: frozenset[Word]
    of_risk: bool

    def fulfilled_by(self, cell: MatrixCell) -> bool:
        """Whether the verdict of a cell, which the condition is of, fulfils it."""
        if cell.verdict is None:
            return False
        falls = self.of_risk and cell.column.riskier == "low"  # a lower number is a higher risk
        return (_OPPOSITE.get(cell.verdict.word, cell.verdict.word) if falls else cell.verdict.word) in self.words


def conditions(
    texts: Iterable[str],
    rows: Sequence[str],
    columns: Collection[Column],
    left_out: Sequence[LeftOut] = (),
    not_judged: NotJudged = MappingProxyType({}),
) -> tuple[Condition, ...]:
    """Conditions from their texts; the module's docstring has the form.

    Args:
        texts: the conditions as they are written.
        rows: the labels of the rows of the assessment.
        columns: its metrics.
        left_out: what it leaves out; a condition on some of it is told why there is none.
        not_judged: the attacks that have nothing to read on a row.

    Raises:
        InvalidParameter: texts of another form, unknown names, or cells none of which is judged; every problem is
            reported.
    """
    found, problems = [], []
    for text in texts:
        try:
            condition = _condition(plainly(text), [row for row in rows if row != BASELINE], columns)
            found.append(condition)
            if reason := _why_unjudged(condition, not_judged):
                problems.append(Problem("fail-if", f"The condition '{text}' is of nothing that is judged: {reason}."))
        except _Unknown as error:
            reasons = "".join(f" {each}" for each in left_out if each.named_in(text))
            problems.append(Problem("fail-if", not_understood(text, f"{error}{reasons}")))
    if problems:
        raise InvalidParameter(problems)
    return tuple(found)


def fulfilled(results: Results, asked: Iterable[Condition]) -> Iterator[tuple[Condition, tuple[MatrixCell, ...]]]:
    """The conditions that hold, each with the cells by which it does."""
    for condition in asked:
        asked_of = ((row, column) for row in condition.rows for column in condition.columns)
        cells = (results.cell(*cell) for cell in asked_of if not results.unjudged(*cell))
        if holding := tuple(cell for cell in cells if condition.fulfilled_by(cell)):
            yield condition, holding


class _Unknown(Exception):  # noqa: N818
    """The sentence that says what is wrong with a text."""


def _condition(text: str, rows: Sequence[str], columns: Collection[Column]) -> Condition:
    form = FORM.fullmatch(text)
    if form is None:
        raise _Unknown(NOT_OF_THE_FORM)
    chosen, what = _row(form["what"], rows)
    named, of_risk = _named(what, columns)
    words = _CHANGES[form["plain"] or f"{form['may']}s"] | (_UNDECIDED if form["may"] else set())
    return Condition(text, (chosen,) if chosen else tuple(rows), named, frozenset(words), of_risk)


def _why_unjudged(condition: Condition, not_judged: NotJudged) -> str:
    """Why none of the cells that a condition is of is judged; empty if any is."""
    cells = ((row, column) for row in condition.rows for column in condition.columns)
    reasons = [not_judged.get(row, {}).get(column.probe, "") for row, column in cells]
    return reasons[0] if all(reasons) else ""


def _row(text: str, rows: Sequence[str]) -> tuple[str | None, str]:
    """The row in front of a colon, if there is one, and the rest."""
    if not rows:
        raise _Unknown("there is no defended row, so that nothing can change.")
    for row in sorted(rows, key=len, reverse=True):
        label = " ".join(row.split())  # as blanks of the condition are joined
        if text.startswith(f"{label}:"):
            return row, text.removeprefix(f"{label}:").strip()
    before, colon, _ = text.partition(": ")
    if colon:
        raise _Unknown(f"there is no defended row '{before}'. There are: {', '.join(rows)}.")
    return None, text


def _named(what: str, columns: Collection[Column]) -> tuple[tuple[Column, ...], bool]:
    """The metrics that a name is of, and whether a change is that of their risk."""
    whole = [column for column in columns if column.group is None]
    if about := _of_scope(what, whole):
        primary = tuple(column for column in about if column.primary)
        if not primary:
            names = ", ".join(dict.fromkeys(column.metric for column in about))
            raise _Unknown(f"'{what}' has no primary metric. Name one of its metrics: {names}.")
        return primary, True
    metric, of, scope = what.partition(" of ")
    about = _of_scope(scope, whole) if of else whole
    if not about:
        raise _Unknown(f"no attack, audit or risk '{scope}' is assessed. There are: {_scopes(whole)}.")
    found = tuple(column for column in about if metric in _short(column.metric))
    if not found:
        names = _scopes(whole) if not of else ", ".join(dict.fromkeys(column.metric for column in about))
        raise _Unknown(f"nothing that is assessed goes by the name '{metric}'. There are: {names}.")
    if len(risks := dict.fromkeys(column.risk for column in found)) > 1:
        longer = " or ".join(f"'{metric} of {risk}'" for risk in risks)
        raise _Unknown(f"'{metric}' could be {longer}.")
    return found, False


def _of_scope(name: str, columns: Iterable[Column]) -> list[Column]:
    """The metrics of a risk, or of attacks or audits, by name with or without settings."""
    spoken = name.replace(" ", "_")
    return [column for column in columns if spoken == column.risk or name in _short(column.probe)]


def _short(text: str) -> tuple[str, str]:
    """A name with its settings and without them."""
    return text, text.partition("(")[0]


def _scopes(columns: Iterable[Column]) -> str:
    return ", ".join(dict.fromkeys(name for column in columns for name in (column.risk, column.probe)))
