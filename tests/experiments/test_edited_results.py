"""Each edit of one place of a file of results is refused in one sentence, or the results can be shown and written.

`AMULET_FUZZ=10000` edits all places, about fifteen thousand edits, and shows the results of each kind that loads.
"""

import io
import json
import os
import random
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any, Final

import pytest

from amulet.core.errors import AmuletError
from amulet.experiments import AuditResults, PairResults, Results
from amulet.report.console import open_console
from amulet.report.pages import matrix_markdown, matrix_page
from amulet.report.pages.audit_page import render_audit
from amulet.report.pages.audit_terminal import audit_table
from amulet.report.pages.matrix_terminal import matrix_table
from amulet.report.pages.pair_page import render_pair
from amulet.report.pages.pair_terminal import pair_table
from edited_json import edits_at, ends
from marked_results import assessed, audited, manifest, paired

PLACES: Final = int(os.environ.get("AMULET_FUZZ", "20"))
"""Places that are edited in each document."""
SHOWN: Final = int(os.environ.get("AMULET_FUZZ", "3"))
"""Results of each kind that are shown; it takes a hundred times as long as to read them."""

AnyResults = Results | PairResults | AuditResults


def show(results: AnyResults) -> None:
    """All that `amulet report` makes, as it is written."""
    match results:
        case PairResults():
            table, pages = pair_table(results), [render_pair(results, manifest(""))]
        case AuditResults():
            table, pages = audit_table(results), [render_audit(results, manifest(""))]
        case _:
            pages = [module.render(results, manifest("")) for module in (matrix_page, matrix_markdown)]
            table = matrix_table(results)
    with redirect_stdout(io.TextIOWrapper(io.BytesIO(), encoding="utf-8")):
        open_console().print(table)
    for page in pages:
        page.encode()


@pytest.mark.parametrize("make", [assessed, paired, audited])
def test_every_edit_of_one_place_is_refused_in_one_sentence_or_can_be_shown(make: Callable[[str], AnyResults]) -> None:
    made = make("m")
    document: Any = json.loads(made.to_json())
    rng, everywhere = random.Random(5), ends(document)  # noqa: S311 - no secret
    refused, loaded = 0, dict[Any, AnyResults]()
    for place in rng.sample(everywhere, min(PLACES, len(everywhere))):
        for edit in edits_at(document, place):
            try:
                loaded[edit.kind] = type(made).from_json(edit.text)
            except AmuletError as error:
                text = str(error)
                assert text.isprintable(), edit
                assert len(text) < 400, edit
                assert text.endswith("."), edit
                refused += 1
    assert refused > 5 * PLACES or len(everywhere) < PLACES
    for results in rng.sample(list(loaded.values()), min(SHOWN, len(loaded))):
        assert type(made).from_json(results.to_json()) == results
        show(results)
