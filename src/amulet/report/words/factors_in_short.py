"""Factors in one sentence: the clearest of their correlations with risks, for a terminal."""

from typing import Final

from amulet.experiments.results.factor_changes import LEVEL, FactorCorrelation
from amulet.experiments.results.results import Results
from amulet.report.words.vocabulary.formats import listed, p_value, signed
from amulet.report.words.vocabulary.names import metric_words, mid_sentence, risk_name
from amulet.statistics import RankCorrelation

MOST: Final = 2
"""So many correlations are named."""


def factors_sentence(results: Results) -> str:
    """How many factors were measured, and the clearest of their correlations with risks; empty where none was measured.

    A correlation is named if its p-value is below 0.05 by itself, those with the smallest p-values first.
    """
    count = len(results.factors.measured)
    if not count:
        return ""
    measured = f"{'1 factor was' if count == 1 else f'{count} factors were'} measured; the page has tables of them"
    of_risks = [each for each in results.factor_correlations if each.column.riskier is not None]
    found = [(each, each.found) for each in of_risks if each.found is not None]
    if not found:
        most = max(of_risks, key=lambda each: len(each.rows), default=None)
        reason = most.undefined if most else "no risk has a primary metric here"
        return f"{measured}. They are not compared with risks: {reason}."
    clear = [pair for pair in found if pair[1].p < 1 - LEVEL]
    clear.sort(key=lambda pair: (pair[1].p, -abs(pair[1].rho)))
    told = f"{len(clear)} of {len(found)} rank correlations with risks have a p-value below 0.05, each by itself"
    clearest = f"; the clearest: {listed([_named(*pair) for pair in clear[:MOST]])}" if clear else ""
    return f"{measured}. {told}{clearest}. This is exploratory, and shows no cause."


def _named(each: FactorCorrelation, found: RankCorrelation) -> str:
    """As "generalisation gap with membership inference (attack AUC of LiRA), +0.930 (p 0.001)"."""
    metric = f"{metric_words(each.column).in_sentence} of {each.column.probe}"
    risk = f"{risk_name(each.column.risk)} ({metric})"
    return f"{mid_sentence(each.factor.title)} with {risk}, {signed(found.rho)} (p {p_value(found.p)})"
