"""The template environment of the HTML pages, and what all of them are given."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from amulet.core.text import visible
from amulet.experiments.model_audit.results import AuditResults
from amulet.experiments.pairs.results import PairResults
from amulet.experiments.results.results import Results
from amulet.report.pages.page_script import embedded, packed
from amulet.report.words.audit_words import audit_check_text, audit_interval
from amulet.report.words.group_rates import rate_table
from amulet.report.words.group_sizes import NOT_COUNTED, compares_groups, group_sizes
from amulet.report.words.matrix.blocks import pair_lost_sentences, pair_undefined_sentences, undefined_sentences
from amulet.report.words.matrix.verdict_sentences import pair_figures, pair_sentences
from amulet.report.words.verdicts.gates import gate_asked, gate_found, gate_sentences
from amulet.report.words.verdicts.no_skill import no_skill_text, to_compare_with
from amulet.report.words.verdicts.readings import can_be_news
from amulet.report.words.verdicts.verdict_words import interval_text, pair_verdict_words, verdict_words
from amulet.report.words.vocabulary.formats import number, setting, signed, spread
from amulet.report.words.vocabulary.names import metric_words, risk_code, risk_head, riskier_end, spoken
from amulet.report.words.vocabulary.spec_text import named, without_folders

FILTERS: Final[tuple[Callable[..., Any], ...]] = (
    audit_check_text,
    audit_interval,
    can_be_news,
    compares_groups,
    embedded,
    packed,
    gate_asked,
    gate_found,
    gate_sentences,
    interval_text,
    metric_words,
    named,
    number,
    pair_figures,
    pair_sentences,
    pair_lost_sentences,
    pair_undefined_sentences,
    pair_verdict_words,
    risk_code,
    risk_head,
    riskier_end,
    setting,
    signed,
    spoken,
    spread,
    undefined_sentences,
    verdict_words,
)
"""What templates call by name as filters."""


def templating() -> Environment:
    """Labels and settings are input, so that everything is escaped, and a missing name is an error."""
    environment = Environment(
        loader=PackageLoader("amulet.report.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {function.__name__: function for function in FILTERS}
    return environment


def as_shown(page: str, script: str = "") -> str:
    """The page with control characters as escapes, but for its own script, whose checksum the page states."""
    if not script:
        return visible(page)
    before, _, behind_it = page.partition(script)
    return f"{visible(before)}{script}{visible(behind_it)}"


def both_pages(results: Results | PairResults | AuditResults, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What the pages of an assessment, of a pair and of one model are all given."""
    return {
        "results": results,
        "compared_with_text": (
            partial(to_compare_with, results)
            if isinstance(results, Results)
            else partial(no_skill_text, results.tested)
        ),
        "group_sizes": partial(group_sizes, results),
        "rate_table": partial(rate_table, results),
        "not_counted": NOT_COUNTED,
        "manifest": manifest,
        "version": version_of(manifest),
        "spec": json.dumps(without_folders(results.spec), indent=1, ensure_ascii=False),
    }


def version_of(manifest: Mapping[str, Any]) -> str:
    """Of Amulet, as a manifest names it; empty where it does not."""
    packages = manifest.get("packages")
    return str(packages.get("amulet", "")) if isinstance(packages, Mapping) else ""
