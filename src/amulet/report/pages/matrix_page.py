"""The report as one HTML file that asks nothing of the network."""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from amulet.core.text import visible
from amulet.experiments.pair_results import PairResults
from amulet.experiments.results import Results
from amulet.report.charts.difference_strips import SAMPLE, strips
from amulet.report.charts.trade_offs import letters, trade_offs
from amulet.report.pages.cell_details import behind, place
from amulet.report.pages.page_script import embedded, page_script
from amulet.report.words import spec_text
from amulet.report.words.blocks import blocks, primaries
from amulet.report.words.formats import number, setting, signed, spread
from amulet.report.words.gates import grounds
from amulet.report.words.group_sizes import NOT_COUNTED, RISK, groups_of
from amulet.report.words.names import metric_words, riskier_end, spoken
from amulet.report.words.no_skill import baseline
from amulet.report.words.seed_counts import looks_said, seeds_named, seeds_of, times
from amulet.report.words.summaries import in_short
from amulet.report.words.training_facts import facts
from amulet.report.words.verdict_words import HOW_VERDICTS, NOT_COVERED, gate_name, gate_words, interval, said

LARGEST: Final = 5_000_000
"""Bytes of a page that can still be sent around and opened on a phone."""


def render(results: Results, manifest: Mapping[str, Any]) -> str:
    """The page. The same results and manifest give the same bytes, LARGEST of them for all but giant matrices.

    A page that would be larger leaves out the tables of every seed and the curves of single seeds, and says so.

    Args:
        results: what was found.
        manifest: what computed it, as `environment()` gives it; a mapping in it becomes a list, None "none".
    """
    page = _rendered(results, manifest, whole=True)
    return page if len(page.encode()) <= LARGEST else _rendered(results, manifest, whole=False)


def _rendered(results: Results, manifest: Mapping[str, Any], *, whole: bool) -> str:
    found, script = blocks(results), page_script()
    page = (
        templating()
        .get_template("matrix.html.jinja")
        .render(
            **both_pages(results, manifest),
            behind=behind(results, single_curves=whole),
            whole=whole,
            cell_id=partial(place, results),
            grounds=partial(grounds, results),
            shorts=in_short(results, found),
            looks=looks_said(results),
            script=script,
            seeds_named=seeds_named(results),
            seeds_of=partial(seeds_of, results),
            times=times(results),
            letters=letters(results),
            trade_offs=tuple(trade_offs(results, found)),
            blocks=found,
            primaries=primaries(found),
            sample=SAMPLE,
            strips=partial(strips, results),
            experiment=spec_text.experiment(results),
            defenses=spec_text.defenses(results),
            facts=facts(results),
            how_verdicts=HOW_VERDICTS,
            not_covered=NOT_COVERED,
        )
    )
    return as_shown(page, script.text)


def templating() -> Environment:
    """Labels and settings are input, so that everything is escaped, and a missing name is an error."""
    environment = Environment(
        loader=PackageLoader("amulet.report.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        embedded=embedded,
        gate_name=gate_name,
        named=spec_text.named,
        number=number,
        gate_words=gate_words,
        interval=interval,
        metric_words=metric_words,
        riskier_end=riskier_end,
        said=said,
        setting=setting,
        signed=signed,
        spoken=spoken,
        spread=spread,
    )
    return environment


def as_shown(page: str, script: str = "") -> str:
    """The page with control characters as escapes, but for its own script, whose checksum the page states."""
    if not script:
        return visible(page)
    before, _, behind_it = page.partition(script)
    return f"{visible(before)}{script}{visible(behind_it)}"


def both_pages(results: Results | PairResults, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What the page of an assessment and that of a pair are both given."""
    return {
        "results": results,
        "baseline": partial(baseline, results.tested),
        "groups_of": partial(groups_of, results),
        "groups_risk": RISK,
        "not_counted": NOT_COUNTED,
        "manifest": manifest,
        "version": version_of(manifest),
        "spec": json.dumps(results.spec, indent=1, ensure_ascii=False),
    }


def version_of(manifest: Mapping[str, Any]) -> str:
    """Of Amulet, as a manifest names it; empty where it does not."""
    packages = manifest.get("packages")
    return str(packages.get("amulet", "")) if isinstance(packages, Mapping) else ""
