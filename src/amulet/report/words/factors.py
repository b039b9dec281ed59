"""Factors in words: what they are with each defense, and how their changes go with those of the risks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from amulet.experiments.planning.experiment import BASELINE
from amulet.experiments.results.checks.gates import MODEL
from amulet.experiments.results.factor_changes import LEVEL, FactorChange, FactorCorrelation, Sign, factor_changes
from amulet.experiments.results.factors import MeasuredFactor
from amulet.experiments.results.numbers import Column
from amulet.experiments.results.results import Results
from amulet.literature import FACTORS, SOURCE
from amulet.report.words.matrix.blocks import MatrixBlock, primary_blocks
from amulet.report.words.vocabulary.formats import number, p_value, signed, spread
from amulet.report.words.vocabulary.row_text import row_heading
from amulet.statistics import Gate

INTRODUCTION: Final = (
    "Factors are properties of the models that may explain what a defense does to a risk. They are no risks, and get "
    f"no verdict. The survey beside which they stand is {SOURCE}."
)

HOW_CORRELATED: Final = (
    "Spearman's rank correlation, over {} rows, of the change of the factor with the change of the risk: a positive "
    "one says that the risk grows where the factor grows. Each row counts once, by the mean over its seeds, since its "
    "seeds are no independent evidence of what its defense does. The p-value is that of permuting the rows; it takes "
    "them for independent, which rows of one defense with several settings are not. Rows that leave the model as it is "
    "do not count."
)

NO_CAUSE: Final = (
    "All of this is exploratory, and no correlation shows a cause. A defense with which the model learns less changes "
    "factors and risks together, as the line of utility can show. The factors of training records and the attacks on "
    "membership look at the same models and records, so that the two share their noise."
)

_WAYS: Final[dict[Sign, str]] = {"+": "grows", "-": "falls"}


@dataclass(frozen=True)
class FactorCell:
    """One factor of one row.

    Attributes:
        main: the mean of the undefended row, or the difference to the row that this one is compared with.
        small: the spread of the mean, or the interval of the difference.
        survey: what the survey says of the change, and whether it is measured; empty where it says nothing.
    """

    main: str
    small: str = ""
    survey: str = ""

    @property
    def text(self) -> str:
        """In one line."""
        spread_or_interval = self.small if self.small.startswith("±") else f"({self.small})" if self.small else ""
        return " ".join(filter(None, [self.main, spread_or_interval])) + (f"; {self.survey}" if self.survey else "")


@dataclass(frozen=True)
class CorrelationCell:
    """One factor and one risk.

    Attributes:
        main: the coefficient; a dash where it is undefined.
        small: the p-value; empty where it is undefined.
        survey: what the survey says, and whether the sign is that; empty where it says nothing.
        low: whether the p-value is below 0.05.
    """

    main: str
    small: str
    survey: str
    low: bool

    @property
    def text(self) -> str:
        """In one line."""
        return self.main + (f" ({self.small})" if self.small else "") + (f"; {self.survey}" if self.survey else "")


@dataclass(frozen=True)
class FactorTables:
    """All that is shown of factors.

    Attributes:
        factors: title and sentence of each, with the survey's factor that it measures.
        rows: heading and cells of each row of the matrix.
        surveyed: how often changes go as the survey says; empty where it says nothing.
        lines: name and cells of each risk's primary metric; empty where no correlation is defined.
        notes: what to know of the correlations, in paragraphs.
        undefined: factors without a value and the reasons, a sentence each.
        uncorrelated: risks of which correlations are undefined and the reasons, a sentence each.
    """

    factors: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, tuple[FactorCell, ...]], ...]
    surveyed: str
    lines: tuple[tuple[str, tuple[CorrelationCell, ...]], ...]
    notes: tuple[str, ...]
    undefined: tuple[str, ...]
    uncorrelated: tuple[str, ...]


def factor_tables(results: Results, found: Sequence[MatrixBlock]) -> FactorTables | None:
    """The tables of factors; None where none was measured.

    Args:
        results: of an assessment.
        found: the blocks of its matrix, for the order and the names of metrics.
    """
    measured = results.factors.measured
    if not measured:
        return None
    changes = factor_changes(results)
    known, names = {(each.column, each.factor): each for each in results.factor_correlations}, _named_columns(found)
    lines = tuple(
        (name, tuple(_correlation_cell(known[column, factor]) for factor in measured)) for column, name in names.items()
    )
    some = any(each.found for each in results.factor_correlations)
    return FactorTables(
        factors=tuple((factor.title, _explained(factor)) for factor in measured),
        rows=tuple(
            (row_heading(results, row), tuple(_change_cell(each) for each in changes if each.row == row))
            for row in results.rows
        ),
        surveyed=_surveyed(changes),
        lines=lines if some else (),
        notes=tuple(_notes(results)),
        undefined=tuple(dict.fromkeys(_undefined(changes))),
        uncorrelated=tuple(_uncorrelated(results, names)) if some else (),
    )


def _named_columns(found: Sequence[MatrixBlock]) -> dict[Column, str]:
    """The primary metrics with their names, in the order in which they are read."""
    names: dict[Column, str] = {}
    for block in primary_blocks(found):
        for part, line in block.lines:
            of = "" if part.obvious else f" of {part.brief}"
            names[line.column] = f"{block.words.title}: {line.words.title}{of}"
    return names


def _explained(factor: MeasuredFactor) -> str:
    if factor.code not in FACTORS:
        return f"{factor.meaning} No factor of the survey's tables."
    turned = "" if factor.grows else ", which falls as this grows"
    return f"{factor.meaning} In the survey {factor.code}, {FACTORS[factor.code]}{turned}."


def _change_cell(each: FactorChange) -> FactorCell:
    if each.summary is None:
        return FactorCell("undefined")
    if each.row == BASELINE:
        return FactorCell(number(each.summary.mean), spread(each.summary))
    if each.difference is None:
        return FactorCell("the same model")
    low, high = each.interval or (0.0, 0.0)
    interval = f"{signed(low)} to {signed(high)}" if low < high else ""  # equal differences do not tell their error
    return FactorCell(signed(each.difference.mean), interval, _of_survey(each))


def _of_survey(each: FactorChange) -> str:
    if each.survey is None:
        return ""
    if each.measured is None:
        return f"survey: {_WAYS[each.survey]}"
    compared = "as measured" if each.measured == each.survey else f"measured: {_WAYS[each.measured]}"
    return f"survey: {_WAYS[each.survey]}, {compared}"


def _surveyed(changes: Sequence[FactorChange]) -> str:
    said = [each for each in changes if each.survey is not None and each.difference is not None]
    if not said:
        return ""
    clear = [each for each in said if each.measured is not None]
    same = sum(each.measured == each.survey for each in clear)
    return (
        f"The survey says of {len(said)} of these changes in which direction they go. Of these, {len(clear)} could be "
        f"told from zero (95% intervals): {same} in that direction, {len(clear) - same} in the other."
    )


def _correlation_cell(each: FactorCorrelation) -> CorrelationCell:
    agrees = {True: ", same sign", False: ", other sign", None: ""}[each.agrees]
    survey = "" if each.survey is None else f"survey: {each.survey.replace('-', chr(0x2212))}{agrees}"
    if each.found is None:
        return CorrelationCell("\N{EN DASH}", "", survey, low=False)
    small = f"p {p_value(each.found.p)}"
    return CorrelationCell(signed(each.found.rho), small, survey, low=each.found.p < 1 - LEVEL)


def _notes(results: Results) -> Iterator[str]:
    all_of_them = results.factor_correlations
    of_risks = [each for each in all_of_them if each.column.riskier is not None]
    found = [each for each in of_risks if each.found is not None]
    if not of_risks:
        yield "No risk has a primary metric here that the factors could be compared with."
        return
    if not found:
        most = max(of_risks, key=lambda each: len(each.rows))
        yield f"Factors are not compared with risks: {most.undefined}."
        return
    counts = sorted({each.found.n for each in found if each.found is not None})
    yield HOW_CORRELATED.format(" to ".join(map(str, dict.fromkeys((counts[0], counts[-1])))))
    yield " ".join(_counted(results, found))
    yield NO_CAUSE


def _counted(results: Results, found: Sequence[FactorCorrelation]) -> Iterator[str]:
    """How many correlations are clear, and how many have the survey's sign."""
    low = [each for each in found if each.found is not None and each.found.p < 1 - LEVEL]
    by_chance = (1 - LEVEL) * len(found)
    yield (
        f"{len(low)} of {len(found)} correlations with risks have a p-value below 0.05, each tested by itself; by "
        f"chance alone {f'about {by_chance:.0f}' if by_chance >= 1 else 'fewer than one'} would."
    )
    said, clear = ([each for each in some if each.agrees is not None] for some in (found, low))
    if said:
        yield (
            f"The survey gives the sign of {len(said)} of them: {sum(map(_does_agree, said))} have that sign; of the "
            f"{len(clear)} among these with a p-value below 0.05, {sum(map(_does_agree, clear))}."
        )
    compared = {row for each in found for row in each.rows}
    failed = [gate.row for gate in results.gates if (gate.name, gate.state) == (MODEL, Gate.FAILED)]
    if unlearned := [row for row in dict.fromkeys(failed) if row in compared]:
        yield f"Of these rows, models decide hardly better than always naming one class: {', '.join(unlearned)}."


def _does_agree(each: FactorCorrelation) -> bool:
    return each.agrees is True


def _uncorrelated(results: Results, names: Mapping[Column, str]) -> Iterator[str]:
    """Each reason once for a metric, with the factors that it holds for, unless that is all of them."""
    for column, name in names.items():
        of = [each for each in results.factor_correlations if each.column == column and each.found is None]
        for reason in dict.fromkeys(each.undefined for each in of):
            titles = [each.factor.title for each in of if each.undefined == reason]
            which = "" if len(titles) == len(results.factors.measured) else f" and {', '.join(titles)}"
            yield f"{name}{which}: {reason}."


def _undefined(changes: Sequence[FactorChange]) -> Iterator[str]:
    for each in changes:
        for reason in each.undefined:
            yield f"{each.factor.title} of {each.row}: {reason}."
