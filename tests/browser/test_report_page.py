"""The report in a real browser: it asks for nothing, answers to click and key, fits a phone, can be printed."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Literal

import pytest
import torch
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect

from amulet.core.curve import Curve
from amulet.core.image_grid import ImageGrid
from amulet.core.spec import Plain
from amulet.core.tally import Tally
from amulet.experiments.graph.entries import environment
from amulet.experiments.results.numbers import Column, Traced, Value
from amulet.experiments.results.pictures import Pictured, rows_of
from amulet.experiments.results.results import Results
from amulet.report import write

PHONE = 390
PATIENCE = 300_000
"""Milliseconds until a wait is given up; nothing takes as long on the slowest machine."""

MOST_BYTES = 5_000_000
ROWS = ("undefended", "<script>throw 1</script>", "a label of several words", "x" * 50, "</script><b>DP-SGD")
GAP = "Discrimination(attribute=race)"
COLUMNS = (
    Column("evasion", "PGD", "robust_accuracy", 0.0, 1.0, "low", primary=True, margin=0.02, chance=None),
    Column("membership_inference", "LiRA", "auc", 0.0, 1.0, "high", primary=True, margin=0.02, chance=0.5),
    Column(
        "utility",
        "Utility",
        "balanced_accuracy",
        0.0,
        1.0,
        None,
        primary=True,
        margin=0.02,
        chance=None,
        shows="trained",
    ),
    Column(
        "discriminatory_behavior", GAP, "demographic_parity", 0.0, 1.0, "high", primary=True, margin=0.02, chance=None
    ),
)
SPEC: Plain = {"x.Experiment": {"audits": [{"x.Utility": {}}, {"x.Discrimination": {"attribute": "race"}}]}}
TESTED = Tally(
    {"denied": 30, "approved": 270},
    {"race": {"black": {"denied": 10, "approved": 20}, "white": {"denied": 20, "approved": 250}}},
)
EXCESS = """() => {
    document.querySelectorAll("details").forEach((item) => { item.open = true; });
    const wide = [document.documentElement, ...document.querySelectorAll(".scroll")];
    return Math.max(...wide.map((item) => item.scrollWidth - item.clientWidth));
}"""


@dataclass
class Site:
    """A folder served to this machine alone, and what was asked of it."""

    folder: Path
    address: str = ""
    asked: list[str] = field(default_factory=list)


@dataclass
class Heard:
    """A page of the browser, and all it complained of or asked for."""

    page: Page
    complaints: list[str]
    asked: list[str]

    def opened(self, row: int, risk: str) -> Locator:
        """The dialog behind a cell of the first table, its charts drawn."""
        self.cell(row, risk).get_by_role("button").click()
        return self.drawn()

    def cell(self, row: int, risk: str) -> Locator:
        """A cell at a glance."""
        return self.page.locator("#results tr", has_text=risk).locator("td").nth(row)

    def drawn(self) -> Locator:
        """The dialog once its charts are there."""
        self.page.wait_for_selector("dialog[open][data-drawn]")
        return self.page.get_by_role("dialog")

    def complaint(self) -> str:
        """The first one, which the browser may still be about to tell."""
        if not self.complaints:
            self.page.wait_for_event("console")
        return self.complaints[0]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with four defended rows, some with markup for a label; curves behind two attacks, images behind one."""
    values = [
        Value(row, column.risk, column.probe, column.metric, seed, 0.5 + 0.01 * place * seed, None, "d" * 64)
        for place, row in enumerate(ROWS)
        for column in COLUMNS
        for seed in range(3)
    ]
    curves = [
        Traced(row, column.risk, column.probe, seed, "e" * 64, _curve(column, seed))
        for row in ROWS
        for column in COLUMNS[:2]
        for seed in range(3)
    ]
    facts = {row: {str(seed): {"records": 100, "epsilon": 8.0} for seed in range(3)} for row in ROWS}
    content = "c" * 64
    results = Results(
        "browser",
        "applications",
        content,
        SPEC,
        COLUMNS,
        tuple(values),
        facts,
        curves=tuple(curves),
        looks=(3,),
        tested=TESTED,
        pictures=tuple(_pictured(row, COLUMNS[0]) for row in ROWS),
    )
    return write(results, environment(), tmp_path_factory.mktemp("site"))


@pytest.fixture
def heard(browser: Browser, report: Path) -> Iterator[Heard]:
    """The report from a file on a desk, with someone listening."""
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        yield _listening(context, report.as_uri())


@pytest.fixture
def site(report: Path, tmp_path: Path) -> Iterator[Site]:
    """A copy of the report behind a server."""
    shutil.copy(report, tmp_path)
    served = Site(tmp_path)

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            served.asked.append(self.path)

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(tmp_path))) as server:
        served.address = f"http://127.0.0.1:{server.server_port}/report.html"
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield served
        server.shutdown()
        thread.join()


def test_it_renders_without_a_complaint_and_asks_for_itself_only(heard: Heard, report: Path) -> None:
    assert heard.page.get_by_role("heading", level=1).inner_text() == "What each defense does to every risk"
    for risk in ("S1 Evasion", "P1 Membership inference", "Utility"):
        heard.opened(1, risk)
        heard.page.keyboard.press("Escape")
    assert heard.complaints == []
    assert heard.asked == [report.as_uri()]
    assert report.stat().st_size < MOST_BYTES


def test_a_server_is_asked_for_one_file(browser: Browser, site: Site) -> None:
    with browser.new_context() as context:
        _listening(context, site.address).opened(2, "S1 Evasion")
    assert site.asked == ["/report.html"]


@pytest.mark.parametrize(
    "outside",
    [
        '<img src="/a.png" alt="">',
        "<script>1</script>",
        '<script>eval("1")</script>',
        '<link rel=stylesheet href="/a.css">',
    ],
)
def test_it_refuses_to_ask_for_more(browser: Browser, site: Site, outside: str) -> None:
    place = site.folder / "report.html"
    place.write_text(place.read_text(encoding="utf-8").replace("<main>", f"{outside}<main>"), encoding="utf-8")
    with browser.new_context() as context:
        heard = _listening(context, site.address)
        heard.opened(1, "S1 Evasion")
        assert "Content Security Policy" in heard.complaint()
    assert site.asked == ["/report.html"]


@pytest.mark.parametrize(
    ("risk", "titles"), [("P1", ("false positive rate", "true positive rate")), ("S1", ("epsilon", "robust accuracy"))]
)
def test_a_click_shows_seeds_and_curve(heard: Heard, risk: str, titles: tuple[str, str]) -> None:
    heard.cell(4, risk).locator(".value").click()
    dialog = heard.drawn()
    assert dialog.get_by_role("heading", level=2).inner_text().endswith(": </script><b>DP-SGD")
    assert dialog.locator("figure:visible svg").count() == 3
    shown = dialog.locator("[data-part=curve] svg text").all_text_contents()
    assert set(titles) <= set(shown)
    assert {"undefended", "defended"} <= set(shown)
    assert dialog.locator("[data-part=points] svg .mark-symbol path").count() == 6
    dialog.get_by_text("The curve as a table").click()
    assert dialog.locator("[data-part=curve-body] tr").count() == 3
    assert "seed 2 " + "e" * 12 in dialog.locator("[data-part=curve-tasks]").inner_text()
    numbers = dialog.locator("[data-part=seeds-body] tr").first.inner_text().split()
    assert numbers == ["0", "0.5", "d" * 12, "0.5", "d" * 12]


def test_the_axes_of_a_roc_are_logarithmic(heard: Heard) -> None:
    shown = heard.opened(1, "P1").locator("[data-part=curve] svg .role-axis-label text").all_text_contents()
    assert {"0.01", "0.1", "1"} <= set(shown)


def test_the_undefended_cell_stands_alone(heard: Heard) -> None:
    dialog = heard.opened(0, "S1")
    assert dialog.locator("figure:visible").count() == 2
    assert dialog.locator("[data-part=seeds-head] th").all_inner_texts() == ["Seed", "undefended"]


def test_a_metric_without_a_curve_has_none(heard: Heard) -> None:
    heard.opened(1, "S1")
    heard.page.keyboard.press("Escape")
    assert heard.opened(1, "Utility").locator("figure:visible").count() == 2


def test_images_stand_behind_their_own_attack(heard: Heard) -> None:
    images = heard.opened(1, "S1").locator("[data-pictures] img:visible")
    assert images.count() == 2 * len(ROWS)
    assert images.first.get_attribute("alt") == f"granted, made: {ROWS[0]}"
    assert images.first.evaluate("image => image.complete && image.naturalWidth") == 4
    heard.page.keyboard.press("Escape")
    assert heard.opened(1, "P1").locator("img:visible").count() == 0


def test_behind_a_gap_are_the_groups_it_compares(heard: Heard) -> None:
    shown = heard.opened(1, "Discriminatory").locator("[data-part=groups]")
    lines = [line.split() for line in shown.locator("tr").all_inner_texts()]
    assert lines == [["Group", "denied", "approved", "all"], ["black", "10", "20", "30"], ["white", "20", "250", "270"]]
    assert "The smallest group is black" in shown.inner_text()
    heard.page.keyboard.press("Escape")
    assert not heard.opened(1, "S1").locator("[data-part=groups]").is_visible()


@pytest.mark.parametrize("width", [PHONE, 1280])
def test_the_first_screen_says_what_each_defense_does(browser: Browser, report: Path, width: int) -> None:
    with browser.new_context(viewport={"width": width, "height": 900}) as context:
        page = _listening(context, report.as_uri()).page
        first = page.get_by_role("heading", name="In short")
        assert first.bounding_box()["y"] < 600  # type: ignore[index]
        sentences = page.locator(".shorts li").all_inner_texts()
        assert len(sentences) == len(ROWS) - 1
        assert all("Undefended: this model has learned nothing" in text for text in sentences)
        assert "xxx" in sentences[2]


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_keys_open_and_close_and_focus_comes_back(heard: Heard, key: str) -> None:
    button = heard.cell(1, "S1").get_by_role("button")
    button.focus()
    heard.page.keyboard.press(key)
    dialog = heard.drawn()
    inside = "document.querySelector('dialog').contains(document.activeElement)"
    assert heard.page.evaluate(inside)
    heard.page.keyboard.press("Tab")
    assert heard.page.evaluate(f"{inside} || document.activeElement === document.body")
    heard.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(button).to_be_focused()


def test_selecting_a_number_opens_nothing(heard: Heard) -> None:
    value = heard.cell(1, "S1").locator(".value")
    heard.page.evaluate("item => getSelection().selectAllChildren(item)", value.element_handle())
    value.dispatch_event("click")
    assert not heard.page.locator("dialog").is_visible()
    heard.opened(1, "S1")  # the button always does


def test_the_close_button_and_a_click_beside_close_it(heard: Heard) -> None:
    dialog = heard.opened(1, "S1")
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
    heard.opened(1, "S1")
    heard.page.mouse.click(5, 5)
    expect(dialog).to_be_hidden()


def test_every_button_says_what_it_opens(heard: Heard) -> None:
    buttons = heard.page.locator("#results").get_by_role("button")
    names = [item.get_attribute("aria-label") or "" for item in buttons.all()]
    assert len(set(names)) == len(ROWS) * len(COLUMNS)
    assert "Details of undefended, Robust accuracy, PGD" in names
    assert all(item.is_enabled() for item in buttons.all())


def test_charts_have_names_and_a_table_beside_them(heard: Heard) -> None:
    dialog = heard.opened(1, "P1")
    names = [item.get_attribute("aria-label") or "" for item in dialog.get_by_role("img").all()]
    assert len(names) == 3
    assert all(name.startswith("Chart: ") for name in names)
    heard.page.keyboard.press("Escape")
    assert heard.page.locator("#trade-offs").get_by_role("img").count() == len(COLUMNS) - 1
    assert heard.page.locator("#trade-offs table").count() == len(COLUMNS) - 1


def test_it_fits_a_phone_without_scrolling_sideways(browser: Browser, report: Path) -> None:
    with browser.new_context(viewport={"width": PHONE, "height": 800}) as context:
        heard = _listening(context, report.as_uri())
        assert heard.page.evaluate(EXCESS) == 0
        dialog = heard.opened(3, "P1")
        assert dialog.evaluate("item => item.scrollWidth - item.clientWidth") == 0
        assert dialog.bounding_box()["width"] <= PHONE  # type: ignore[index]


def test_without_scripts_nothing_but_single_charts_is_missing(browser: Browser, report: Path) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = _page(context)
        page.goto(report.as_uri())
        assert page.get_by_text("Charts of single cells need scripts").is_visible()
        assert page.locator("#results button:visible").count() == 0
        assert page.locator("#trade-offs svg:visible").count() == len(COLUMNS) - 1
        page.get_by_text("Every seed of S1 Evasion, with its task").click()
        assert page.locator("#risks .seeds.cards:visible").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_ink_and_charts_stand_out_in_light_and_dark(
    browser: Browser, report: Path, scheme: Literal["light", "dark"]
) -> None:
    with browser.new_context(color_scheme=scheme) as context:
        heard = _listening(context, report.as_uri())
        dialog = heard.opened(1, "P1")
        paper = dialog.evaluate("item => getComputedStyle(item).backgroundColor")
        text = dialog.locator("[data-part=curve] svg .role-axis-title text").first
        line = dialog.locator("[data-part=curve] svg .mark-line path").last
        assert _contrast(paper, text.evaluate("item => getComputedStyle(item).fill")) > 4.5
        assert _contrast(paper, line.evaluate("item => getComputedStyle(item).stroke")) > 3
        assert len(dialog.screenshot()) > 20_000


def test_it_can_be_printed(heard: Heard) -> None:
    heard.opened(1, "P1")
    heard.page.emulate_media(media="print")
    expect(heard.page.get_by_role("dialog")).to_be_hidden()
    expect(heard.page.locator("#trade-offs svg").first).to_be_visible()
    assert heard.page.pdf().startswith(b"%PDF")


def _page(context: BrowserContext) -> Page:
    context.set_default_timeout(PATIENCE)
    return context.new_page()


def _listening(context: BrowserContext, address: str) -> Heard:
    page = _page(context)
    heard = Heard(page, [], [])

    def told(message: ConsoleMessage) -> None:
        heard.complaints.append(message.text)

    page.on("console", told)
    page.on("pageerror", lambda error: heard.complaints.append(str(error)))
    page.on("request", lambda request: heard.asked.append(request.url) if not request.url.startswith("data:") else None)
    page.goto(address)
    page.wait_for_selector("html.live")
    return heard


def _pictured(row: str, column: Column) -> Pictured:
    grid = ImageGrid("Two images.", ("made",), ("granted", "denied"), torch.zeros(1, 2, 1, 4, 4, dtype=torch.uint8))
    return Pictured(row, column.risk, column.probe, 0, "e" * 64, grid.title, grid.columns, rows_of(grid), 0)


def _curve(column: Column, seed: int) -> Curve:
    if column.risk == "evasion":
        return Curve("Security curve", "epsilon", "robust accuracy", (0.0, 0.1, 0.2), (0.9, 0.6, 0.3 + 0.1 * seed))
    rates = (0.01, 0.1, 1.0)
    return Curve("ROC", "false positive rate", "true positive rate", rates, (0.01 * seed, 0.3, 1.0), scale="log")


def _contrast(first: str, second: str) -> float:
    """Of two "rgb(...)" colours, as WCAG 2.2 defines it (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio)."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: str) -> float:
    channels = [int(number) / 255 for number in re.findall(r"\d+", color)[:3]]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
