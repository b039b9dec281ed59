"""The page on one pair of models in a real browser: no script, no requests, what it holds opens by click and key."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page

from amulet.core.measurements.tally import Tally
from amulet.experiments.pairs.results import ModelFacts, PairCell, PairResults
from amulet.experiments.results.numbers import Column
from amulet.report import write_pair
from amulet.statistics import Verdict, Word

PHONE = 390
ROBUST = Column("evasion", "PGD", "robust_accuracy", 0.0, 1.0, "low", primary=True, margin=0.02, chance=None)
GAP = Column(
    "discriminatory_behavior",
    "Discrimination(attribute=race)",
    "demographic_parity",
    0.0,
    1.0,
    "high",
    primary=True,
    margin=0.02,
    chance=None,
)
WIDEST = """() => {
    document.querySelectorAll("details").forEach((item) => { item.open = true; });
    const wide = [document.documentElement, ...document.querySelectorAll(".scroll")];
    return Math.max(...wide.map((item) => item.scrollWidth - item.clientWidth));
}"""


@dataclass
class Opened:
    """The page, and all that it complained of or asked for."""

    page: Page
    complaints: list[str]
    asked: list[str]

    def verdict(self, risk: str) -> Locator:
        """The verdict at a glance."""
        return self.page.locator("#results tr", has_text=risk).locator("td").last


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pair whose name is markup, with one risk that decreases and one that is undecided."""
    models = (ModelFacts("Net", "Net(<b>)", 1234, "a" * 64), ModelFacts("<i>", "x" * 200, 99, "b" * 64))
    results = PairResults(
        name="<script>throw 1</script>",
        dataset="applications",
        content="c" * 64,
        spec={"x.Questions": {"probes": [{"x.Discrimination": {"attribute": "race"}}], "split": None, "seed": 7}},
        models=models,
        records={"members": 1000, "others": 300, "test": 300},
        resamples=1600,
        cells=(
            _cell(ROBUST, 0.4, 0.7, Word.INCREASES, (0.25, 0.35)),
            _cell(GAP, 0.1, 0.12, Word.INCONCLUSIVE, (-0.05, 0.09)),
        ),
        tested=Tally(
            {"no": 60, "yes": 240}, {"race": {"black": {"no": 20, "yes": 30}, "white": {"no": 40, "yes": 210}}}
        ),
    )
    return write_pair(results, {"packages": {"amulet": "0.1"}}, tmp_path_factory.mktemp("pair"))


@pytest.fixture
def opened(browser: Browser, report: Path) -> Iterator[Opened]:
    """The page from a file on a desk of a computer without a network."""
    with browser.new_context(viewport={"width": 1280, "height": 900}, offline=True) as context:
        yield _opened(context.new_page(), report)


def test_it_opens_offline_without_a_complaint_and_asks_for_itself_only(opened: Opened, report: Path) -> None:
    assert opened.page.get_by_role("heading", level=1).inner_text() == "Before and after: one pair of models"
    assert opened.page.get_by_role("note").get_by_text("This pair of models only").is_visible()
    opened.verdict("S1 Evasion").locator("summary").click()
    assert opened.complaints == []
    assert opened.asked == [report.as_uri()]
    assert opened.page.locator("script").count() == 0


def test_a_click_shows_what_lies_behind_a_verdict(opened: Opened) -> None:
    cell = opened.verdict("S1 Evasion")
    more = cell.get_by_text(
        "In this pair the risk of evasion is lower: robust accuracy goes from 0.400 before to 0.700"
    )
    assert not more.is_visible()
    cell.locator("summary").click()
    assert more.is_visible()
    assert "1,600" in cell.locator("dl").inner_text()
    cell.locator("summary").click()
    assert not more.is_visible()


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_keys_do_the_same(opened: Opened, key: str) -> None:
    cell = opened.verdict("F Discriminatory behavior")
    cell.locator("summary").focus()
    opened.page.keyboard.press(key)
    assert cell.get_by_text("It cannot be said whether demographic parity gap differs").is_visible()
    opened.page.keyboard.press(key)
    assert not cell.locator("dl").is_visible()


def test_the_keyboard_reaches_every_verdict_and_each_says_what_it_opens(opened: Opened) -> None:
    summaries = opened.page.locator("#results summary")
    names = summaries.all_text_contents()
    assert names == ["More: Robust accuracy of PGD", "More: Demographic parity gap of Discrimination(attribute=race)"]
    reached = set()
    for _ in range(40):
        opened.page.keyboard.press("Tab")
        reached.add(opened.page.evaluate("document.activeElement.textContent"))
    assert reached >= set(names)


def test_it_says_whom_the_gap_compares_and_what_a_number_is_to_be_compared_with(opened: Opened) -> None:
    sizes = opened.page.locator("#risks .sizes")
    assert sizes.locator("tbody tr").first.inner_text().split() == ["black", "20", "30", "50"]
    assert opened.page.locator("#results").get_by_text("always naming “yes”: 0.800").is_visible()


def test_it_fits_a_phone_without_scrolling_sideways(browser: Browser, report: Path) -> None:
    with browser.new_context(viewport={"width": PHONE, "height": 800}) as context:
        assert _opened(context.new_page(), report).page.evaluate(WIDEST) == 0


def test_it_can_be_printed(opened: Opened) -> None:
    opened.page.emulate_media(media="print")
    assert opened.page.locator("#results .verdict").first.is_visible()
    assert opened.page.pdf().startswith(b"%PDF")


def _cell(column: Column, before: float, after: float, word: Word, interval: tuple[float, float]) -> PairCell:
    return PairCell(column, 300, before, after, (), 1600, 0, Verdict(word, None, interval, None, column.margin))


def _opened(page: Page, report: Path) -> Opened:
    found = Opened(page, [], [])
    page.on("console", lambda message: found.complaints.append(message.text))
    page.on("pageerror", lambda error: found.complaints.append(str(error)))
    page.on("request", lambda request: found.asked.append(request.url) if not request.url.startswith("data:") else None)
    page.goto(report.as_uri())
    return found
