"""How factors change with each defense, and how these changes go with those of the risks.

The survey that names the factors is Duddu, Szyller and Asokan 2024, https://arxiv.org/abs/2312.04542.
"""

from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any, Literal

import pandas as pd

from amulet.experiments.planning.experiment import BASELINE
from amulet.experiments.results.factors import MeasuredFactor
from amulet.experiments.results.numbers import Column, Numbers
from amulet.literature import FACTORS_OF_DEFENSES, FACTORS_OF_RISKS
from amulet.statistics import FEWEST_PAIRS, RankCorrelation, Summary, paired_t, rank_correlation, summarize
from amulet.statistics.turned import turned_difference

LEVEL = 0.95
"""Of the interval of a factor's change, for this change alone."""

Sign = Literal["+", "-"]


@dataclass(frozen=True)
class FactorChange:
    """One factor of one row.

    Attributes:
        row, factor: the row and the factor.
        summary: mean and spread over seeds; None if it is undefined.
        difference: mean and spread of the paired differences to the row that it is compared with; None for the
            baseline, and where the row leaves the model as it is.
        interval: the 95% t interval of the mean difference; None for fewer than two seeds.
        survey: whether the value grows ("+") or falls ("-") with this defense, by the survey; None if it does not say.
        undefined: the reasons why seeds have no value, each once.
    """

    row: str
    factor: MeasuredFactor
    summary: Summary | None
    difference: Summary | None
    interval: tuple[float, float] | None
    survey: Sign | None
    undefined: tuple[str, ...] = ()

    @property
    def measured(self) -> Sign | None:
        """The direction of the change, if zero lies outside its interval, which equal differences do not have."""
        low, high = self.interval or (0.0, 0.0)
        return None if low == high else "+" if low > 0 else "-" if high < 0 else None


@dataclass(frozen=True)
class FactorCorrelation:
    """One factor and one primary metric of a risk.

    Attributes:
        factor, column: of which the changes are compared.
        found: the rank correlation of the factor's change and the risk's over rows, where a positive coefficient says
            that the risk grows with the factor's value; None if it is undefined.
        undefined: why it is; empty otherwise.
        survey: the sign of the coefficient by the survey; None if it does not say.
        rows: the rows that are compared.
    """

    factor: MeasuredFactor
    column: Column
    found: RankCorrelation | None
    undefined: str
    survey: Sign | None
    rows: tuple[str, ...]

    @property
    def agrees(self) -> bool | None:
        """Whether the coefficient has the survey's sign; None where one of the two says nothing."""
        if self.found is None or self.survey is None or self.found.rho == 0:
            return None
        return (self.found.rho > 0) == (self.survey == "+")


def factor_changes(results: Numbers) -> tuple[FactorChange, ...]:
    """Every factor of every row, row by row."""
    return tuple(_change(results, row, factor) for row in results.rows for factor in results.factors.measured)


def factor_correlations(results: Numbers) -> tuple[FactorCorrelation, ...]:
    """Every factor with the primary metric of each risk and of utility, metric by metric.

    Of each row the means over its seeds are compared, so that a row counts once however many seeds it has: its seeds
    are no independent evidence of what its defense does. Rows that leave the model as it is are left out.
    """
    columns = [column for column in results.columns if column.primary and column.group is None]
    return tuple(_correlation(results, factor, column) for column in columns for factor in results.factors.measured)


def factor_frame(results: Numbers) -> pd.DataFrame:
    """The changes as a frame; what is undefined is NaN."""
    lines = [
        {
            "row": each.row,
            "factor": each.factor.name,
            "mean": each.summary and each.summary.mean,
            "difference": each.difference and each.difference.mean,
            "low": each.interval and each.interval[0],
            "high": each.interval and each.interval[1],
            "survey": each.survey,
        }
        for each in factor_changes(results)
    ]
    numbers = ("mean", "difference", "low", "high")
    return pd.DataFrame(lines, columns=["row", "factor", *numbers, "survey"]).astype(dict.fromkeys(numbers, float))


def plain_factors(results: Numbers) -> dict[str, Any]:
    """All of it in the types of JSON."""
    return {
        "measured": [asdict(factor) for factor in results.factors.measured],
        "values": [asdict(value) for value in results.factors.values],  # noqa: PD011 - of no frame
        "changes": [_plain_change(each) for each in factor_changes(results)],
        "correlations": [_plain_correlation(each) for each in factor_correlations(results)],
    }


def risk_sign(column: Column) -> int:
    """1 where a higher metric means more risk, or where it is the metric of no risk, and -1 where it means less."""
    return -1 if column.riskier == "low" else 1


def _change(results: Numbers, row: str, factor: MeasuredFactor) -> FactorChange:
    values = results.factors.of(row, factor.name).values()
    reasons = tuple(dict.fromkeys(each.reason for each in values if each.reason))
    summary, reference = summarize([each.value for each in values if each.value is not None]), results.reference(row)
    if row == BASELINE:
        return FactorChange(row, factor, summary, None, None, None, reasons)
    same = results.factors.same_models(row, reference, factor.name)
    differences = [] if same else _differences(results, row, factor)
    test = paired_t(differences)
    families = results.families.get(row, ())
    signs = FACTORS_OF_DEFENSES.get(families[0], {}) if len(families) == 1 else {}
    survey = _oriented(signs.get(factor.code), factor)
    interval = None if test is None else test.interval(LEVEL)
    return FactorChange(row, factor, summary, summarize(differences), interval, survey, reasons)


def _differences(results: Numbers, row: str, factor: MeasuredFactor) -> list[float]:
    return [mine - other for other, mine in results.factors.paired(row, results.reference(row), factor.name)]


def _correlation(results: Numbers, factor: MeasuredFactor, column: Column) -> FactorCorrelation:
    pairs = {row: pair for row in results.rows if (pair := _pair(results, row, factor, column)) is not None}
    found = rank_correlation(*zip(*pairs.values(), strict=True)) if pairs else None
    sign = FACTORS_OF_RISKS.get(column.risk, {}).get(factor.code) if factor.concerns(column.probe) else None
    survey = _oriented(sign, factor)
    if found is not None:
        undefined = ""
    elif len(pairs) < FEWEST_PAIRS:
        undefined = f"a rank correlation needs at least {FEWEST_PAIRS} rows with both, and there are {len(pairs)}"
    else:
        undefined = "the change of one of the two is the same in all rows"
    return FactorCorrelation(factor, column, found, undefined, survey, tuple(pairs))


def _pair(results: Numbers, row: str, factor: MeasuredFactor, column: Column) -> tuple[float, float] | None:
    """The mean changes of the factor and of the risk in one row; None for a row that cannot be compared."""
    same_models = results.factors.same_models(row, results.reference(row), factor.name)
    if row == BASELINE or same_models or results.unjudged(row, column):
        return None
    of_factor, of_risk = _differences(results, row, factor), _risk_change(results, row, column)
    return (fmean(of_factor), of_risk) if of_factor and of_risk is not None else None


def _risk_change(results: Numbers, row: str, column: Column) -> float | None:
    """By how much the risk grows, of an attack below chance with its answers turned round; None without values."""
    pairs = [pair for pair in results.both(row, column) if None not in pair]
    if not pairs:
        return None
    before, after = map(fmean, zip(*pairs, strict=True))
    return risk_sign(column) * turned_difference(before, after, column.centre)


def _oriented(sign: str | None, factor: MeasuredFactor) -> Sign | None:
    """A sign that the survey gives for its factor, for the value that is measured in its place."""
    if sign is None:
        return None
    return "+" if (sign == "+") == factor.grows else "-"


def _plain_change(each: FactorChange) -> dict[str, Any]:
    return {
        "row": each.row,
        "factor": each.factor.name,
        "summary": each.summary and asdict(each.summary),
        "difference": each.difference and asdict(each.difference),
        "interval": each.interval and list(each.interval),
        "measured": each.measured,
        "survey": each.survey,
        "undefined": list(each.undefined),
    }


def _plain_correlation(each: FactorCorrelation) -> dict[str, Any]:
    column = each.column
    return {
        "factor": each.factor.name,
        "risk": column.risk,
        "probe": column.probe,
        "metric": column.metric,
        "rho": each.found and each.found.rho,
        "p": each.found and each.found.p,
        "rows": list(each.rows),
        "undefined": each.undefined,
        "survey": each.survey,
        "agrees": each.agrees,
    }
