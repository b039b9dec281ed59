"""Titles and meanings of risks, metrics and facts, for the names that code uses."""

import inspect
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from amulet.core.metric import Metric
from amulet.core.risk import Risk
from amulet.experiments.registry.plugins import plugins
from amulet.experiments.results.numbers import Column


@dataclass(frozen=True)
class Words:
    """A heading and the sentence that explains it, empty where there is nothing to add.

    Attributes:
        plain: the same without the field's terms: of a risk a question, of a metric a part of a sentence; may be empty.
    """

    title: str
    sentence: str = ""
    plain: str = ""

    @property
    def in_sentence(self) -> str:
        """The title within a sentence."""
        return mid_sentence(self.title)


_FACTS: Final = {
    "epsilon": "Epsilon spent",
    "delta": "Delta",
    "noise_multiplier": "Noise multiplier",
    "train_accuracy": "Accuracy on training records",
    "records": "Training records",
}

_ENDS: Final = {"high": "↑ higher is riskier", "low": "↓ lower is riskier"}
_ORDER: Final = ("", "S", "P", "F")
"""Families of risks by the first letter of their codes: utility, security, privacy, fairness."""


def risk_words(risk: str) -> Words:
    """The risk's code and title, "S1 Evasion", with its meaning; an unknown one goes by its package's name.

    Args:
        risk: name of its package.
    """
    known = _risks().get(risk)
    return Words(f"{known.code} {known.title}".strip(), known.meaning, known.question) if known else Words(spoken(risk))


def risk_head(risk: str) -> str:
    """The risk in at most ten characters, as the heading of a narrow column."""
    known = _risks().get(risk)
    return (known and known.short) or (known.title if known else spoken(risk))[:10].rstrip()


def risk_code(risk: str) -> str:
    """The risk's code in the taxonomy, such as "P1"; empty for what has none."""
    known = _risks().get(risk)
    return known.code if known else ""


def is_risk(name: str) -> bool:
    """Whether the name is that of a risk's package, as an identifier, and not that of an audit with its settings."""
    return name.isidentifier() and name == name.lower()


def risk_name(risk: str) -> str:
    """The risk within a sentence, without its code: "membership inference"."""
    return risk.replace("_", " ")


def risk_rank(risk: str) -> tuple[int, str]:
    """Sorts risks: utility, security, privacy, fairness, each by code, then those of others as they come."""
    known = _risks().get(risk)
    if known is None or known.code[:1] not in _ORDER:
        return len(_ORDER), ""
    return _ORDER.index(known.code[:1]), known.code


def metric_words(column: Column) -> Words:
    """The metric's title with its parameters and group, "TPR at FPR 0.05 (sex = female)", and its meaning.

    A metric of a plug-in that is not installed goes by its name.
    """
    known, parameters = metric_of(column), column.metric.removesuffix(")").partition("(")[2]
    if known is None:
        title, meaning, plain = spoken(column.metric), "", ""
    else:
        values = [pair.partition("=")[2] for pair in parameters.split(", ") if parameters]
        title, meaning = " ".join([known.title or spoken(_metric_name(known)), *values]), _meaning(known)
        plain = known.phrase
    if column.group is None:
        return Words(title, meaning, plain)
    attribute, _, group = column.group.partition("=")
    return Words(f"{title} ({attribute} = {group})", meaning, plain)


def metric_of(column: Column) -> type[Metric[Any]] | None:
    """The class of a column's metric among all plug-ins; None where there is none of that name."""
    return _metric(column.risk, column.metric.partition("(")[0])


def riskier_end(column: Column) -> str:
    """Which end means more risk, as an arrow and in words."""
    return _ENDS.get(column.riskier or "", "\N{EN DASH} not itself a risk")


def mid_sentence(title: str) -> str:
    """A heading within a sentence: "robust accuracy"; what begins in capitals stays as it is, such as "AUC"."""
    return title[:1].lower() + title[1:] if title[1:2].islower() else title


def capitalised(text: str) -> str:
    """A part of a sentence as its beginning."""
    return f"{text[:1].upper()}{text[1:]}"


def fact_title(fact: str) -> str:
    """What training calls a fact, in words."""
    return _FACTS.get(fact, spoken(fact))


def fact_rank(fact: str) -> int:
    """Sorts facts: the privacy guarantee first, then the others as they come."""
    return list(_FACTS).index(fact) if fact in _FACTS else len(_FACTS)


def spoken(name: str) -> str:
    """noise_multiplier -> Noise multiplier; names in capitals stay as they are."""
    words = name.replace("_", " ")
    return capitalised(words)


@cache
def _metric(risk: str, name: str) -> type[Metric[Any]] | None:
    """The registered metric of that name: of that risk, else one that belongs to no risk of Amulet's."""
    metrics = [(plugin.risk, plugin.spec) for plugin in plugins() if issubclass(plugin.spec, Metric)]
    named = [(of, spec) for of, spec in metrics if _metric_name(spec) == name and of in {risk, ""}]
    return max(named, key=lambda found: found[0], default=("", None))[1]


def _metric_name(metric: type[Metric[Any]]) -> str:
    """As columns have it, without parameters."""
    return str(metric()).partition("(")[0]


def _meaning(metric: type[Metric[Any]]) -> str:
    """What it states, else the first sentence of its docstring."""
    return metric.meaning or " ".join(re.split(r"(?<=\.)\s", inspect.getdoc(metric) or "", maxsplit=1)[0].split())


@cache
def _risks() -> Mapping[str, Risk]:
    """By name: the constant `RISK` of each package that has plug-ins, or of the package around it."""
    homes = {home for plugin in plugins() for home in (plugin.home, plugin.home.rpartition(".")[0])}
    found = [getattr(sys.modules.get(home), "RISK", None) for home in sorted(homes)]
    return {risk.name: risk for risk in found if isinstance(risk, Risk)}
