"""Pages with markup, scripts, templates and invisible characters in every name, in a real browser.

The page is opened without the policy that forbids other scripts, so that one that stood in it would run. Its elements,
each with the names of its attributes, are of the kinds that a page on harmless names has.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import Browser, Page

from amulet.core.measurements.curve import Curve
from amulet.core.measurements.group_rates import GroupRate, GroupRates
from amulet.core.measurements.image_grid import ImageGrid
from amulet.core.measurements.tally import Tally
from amulet.core.text import visible
from amulet.experiments.graph.failures import Failure
from amulet.experiments.pairs.results import ModelFacts, PairCell, PairResults
from amulet.experiments.planning.left_out import LeftOut
from amulet.experiments.results.factors import Factors, FactorValue, MeasuredFactor
from amulet.experiments.results.numbers import Column, Rated, Traced, Value
from amulet.experiments.results.pictures import Pictured, rows_of
from amulet.experiments.results.results import Results
from amulet.report import write, write_pair
from amulet.statistics import Verdict, Word

RUN = "window.hostile=1"
HOSTILE = (
    f'</script><script>{RUN}</script><img src=x onerror={RUN}><svg/onload={RUN}>" onmouseover="{RUN}" \' autofocus'
    f" onfocus={RUN} x='<a href=javascript:{RUN}>a</a></style></title></textarea><!-- ]]> &lt;b&gt; &#60;i&#62;"
    " {{7*7}} {% raw %} ${7*7} `x` \\u003cb\\u003e javascript:1 \u2028\u2029\u202e\u2066\u200b\x1b[31m] \x07"
)
HARMLESS = re.sub(r"\S", "x", visible(HOSTILE))
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
SEEDS = range(3)
SOUND_LINKS = ("#", "https://", "data:image/png;base64,", "data:text/csv;charset=utf-8,", "data:,")

ELEMENTS = """() => [...document.querySelectorAll("*")].map(
    (item) => [item.tagName, ...[...item.attributes].map((one) => one.name).sort()].join(" "))"""
LINKS = """() => [...document.querySelectorAll("[href], [src]")].map(
    (item) => item.getAttribute("href") ?? item.getAttribute("src"))"""
OPEN_ALL = """() => document.querySelectorAll("details").forEach((item) => { item.open = true; })"""


def assessed(mark: str) -> Results:
    """Two rows, two columns with curves, images, rates of groups and a factor; `mark` stands in every name."""
    attribute, row = f"sex{mark}", f"row{mark}"
    spread = Column("evasion", f"PGD{mark}", f"robust{mark}", 0.0, 1.0, "low", primary=True, margin=0.02, chance=None)
    gap_of = f"Discrimination(attribute={attribute})"
    gap = Column("discriminatory_behavior", gap_of, "gap", 0.0, 1.0, "high", primary=True, margin=0.02, chance=None)
    rows, columns, task = ("undefended", row), (spread, gap), f"task{mark}"
    grid = ImageGrid(f"Images{mark}", ("made",), ("a", f"b{mark}"), torch.zeros(1, 2, 1, 4, 4, dtype=torch.uint8))
    curve = Curve(f"Curve{mark}", f"epsilon{mark}", f"accuracy{mark}", (0.0, 0.1, 0.2), (0.9, 0.6, 0.3))
    rates = GroupRates(tuple(GroupRate(f"rate{mark}", f"{name}{mark}", 20, 40, enters=True) for name in "fm"), fewest=5)
    counts = {f"denied{mark}": 20, "approved": 80}
    factor = MeasuredFactor(f"Factor(attribute={attribute})", f"title{mark}", f"meaning{mark}", 0.0, 1.0, "O1")

    def value(of: str, column: Column, seed: int) -> Value:
        known = None if (column, seed) == (gap, 2) else 0.5 + 0.1 * rows.index(of) * seed
        why = f"reason{mark}" if known is None else None
        return Value(of, column.risk, column.probe, column.metric, seed, known, why, task)

    plain: Any = {f"x.Experiment{mark}": {
        "audits": [{f"x.Discrimination{mark}": {"attribute": attribute}}], "attacks": [{f"x.PGD{mark}": {mark: mark}}],
        "defenses": [{"x.Row": {"label": row, "defenses": [{f"x.DPSGD{mark}": {f"epsilon{mark}": mark}}]}}],
    }}  # fmt: skip
    return Results(
        experiment=f"experiment{mark}", dataset=f"data{mark}", content=f"c{mark}", spec=plain, columns=columns,
        values=tuple(value(of, c, seed) for of in rows for c in columns for seed in SEEDS),
        facts={of: {str(seed): {f"fact{mark}": mark} for seed in SEEDS} for of in rows},
        own_risks={row: (f"risk{mark}",)}, looks=(3,), against={row: "undefended"}, families={row: (f"family{mark}",)},
        curves=tuple(Traced(of, spread.risk, spread.probe, seed, task, curve) for of in rows for seed in SEEDS),
        pictures=tuple(Pictured(of, spread.risk, spread.probe, 0, task, grid.title, grid.columns, rows_of(grid), 0)
                       for of in rows),
        rates=tuple(Rated(of, gap.risk, gap.probe, seed, task, rates) for of in rows for seed in SEEDS),
        tested=Tally(counts, {attribute: {f"{name}{mark}": dict.fromkeys(counts, 10) for name in "fm"}}),
        left_out=(LeftOut(f"risk{mark}", f"probe{mark}", f"reason{mark}"),),
        failures=(Failure(f"task{mark}", f"error{mark}"),),
        factors=Factors((factor,), tuple(FactorValue(of, factor.name, seed, 0.1 * seed, None, task)
                                         for of in rows for seed in SEEDS)),
    )  # fmt: skip


def paired(mark: str) -> PairResults:
    of = assessed(mark)
    facts = ModelFacts(f"Net{mark}", f"Net({mark})", 1, f"a{mark}")
    verdict = Verdict(Word.UNDEFINED, None, None, None, 0.02, reason=f"reason{mark}")
    cells = tuple(PairCell(column, 5, None, 0.5, (f"why{mark}",), 1600, 0, verdict) for column in of.columns)
    records = {"members": 9, "others": 9, "test": 9}
    return PairResults(f"name{mark}", of.dataset, of.content, of.spec, (facts, facts), records, 1600, cells, of.tested)


def manifest(mark: str) -> dict[str, Any]:
    return {"packages": {f"amulet{mark}": mark}, f"key{mark}": {mark: [mark]}, "gpu": mark, "machine": mark}


@pytest.fixture(params=["assessment", "pair"])
def pages(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Path]:
    """The pages on hostile and on harmless names, without a policy."""
    made: dict[str, Path] = {}
    for mark in (HOSTILE, HARMLESS):
        folder = tmp_path / str(len(made))
        if request.param == "pair":
            page = write_pair(paired(mark), manifest(mark), folder)
        else:
            page = write(assessed(mark), manifest(mark), folder)
        text, policies = POLICY.subn("", page.read_text(encoding="utf-8"))
        assert policies == 1
        page.write_text(text, encoding="utf-8")
        made[mark] = page
    return made


def heard(page: Page) -> list[str]:
    """Errors of scripts, and dialogs that they open."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    return complaints


def explored(page: Page) -> None:
    """Everything on the page opened, by its reader's means."""
    page.evaluate(OPEN_ALL)
    for cell in page.locator("#map tbody td a").all():
        cell.click()
        page.wait_for_selector("#panel[data-drawn]")
        for place in page.locator("#panel svg .mark-symbol path").all()[:2]:
            place.hover(force=True)
        page.evaluate(OPEN_ALL)
        page.keyboard.press("Escape")


def test_names_are_text_and_nothing_else(browser: Browser, pages: dict[str, Path]) -> None:
    elements = {}
    for mark, place in pages.items():
        with browser.new_context(offline=True) as context:
            page = context.new_page()
            complaints = heard(page)
            page.goto(place.as_uri())
            explored(page)
            assert complaints == []
            assert page.evaluate("window.hostile") is None
            assert all(link.startswith(SOUND_LINKS) for link in page.evaluate(LINKS))
            elements[mark] = set(page.evaluate(ELEMENTS))
    assert elements[HOSTILE] <= elements[HARMLESS]


def test_names_are_shown_as_they_are_written(browser: Browser, pages: dict[str, Path]) -> None:
    with browser.new_context(offline=True) as context:
        page = context.new_page()
        page.goto(pages[HOSTILE].as_uri())
        page.evaluate(OPEN_ALL)
        shown = " ".join((page.locator("body").text_content() or "").split())
    assert shown.count(" ".join(visible(HOSTILE).split())) > 10
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]", shown)
