"""The report on one trained model as one self-contained HTML file, which loads nothing from the network."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from amulet.experiments.model_audit.results import AuditResults
from amulet.report.pages.report_files import NAME
from amulet.report.pages.templating import as_shown, both_pages, templating
from amulet.report.words.audit_words import audit_baseline, audit_checks, audit_in_short, audit_notes, audit_undefined
from amulet.report.words.matrix.blocks import audit_blocks, primary_blocks
from amulet.report.words.verdicts.explanations import AUDIT_WARNING
from amulet.report.words.vocabulary.names import risk_words


def rendered_audit(results: AuditResults, manifest: Mapping[str, Any]) -> dict[str, str]:
    """The report's one file by its name."""
    return {NAME: render_audit(results, manifest)}


def render_audit(results: AuditResults, manifest: Mapping[str, Any]) -> str:
    """The page. The same results and manifest give the same bytes; `manifest` as for `render`."""
    blocks = audit_blocks(results)
    page = (
        templating()
        .get_template("audit.html.jinja")
        .render(
            **both_pages(results, manifest),
            blocks=blocks,
            primaries=primary_blocks(blocks),
            baseline=partial(audit_baseline, results),
            checks=partial(audit_checks, results),
            short=list(audit_in_short(results)),
            notes=list(audit_notes(results)),
            undefined=list(audit_undefined(results)),
            risk_words=risk_words,
            warning=AUDIT_WARNING,
        )
    )
    return as_shown(page)
