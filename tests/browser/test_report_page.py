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

from amulet.core.measurements.curve import Curve
from amulet.core.measurements.group_rates import GroupRate, GroupRates
from amulet.core.measurements.image_grid import ImageGrid
from amulet.core.measurements.tally import Tally
from amulet.core.spec import Plain
from amulet.experiments.graph.entries import environment
from amulet.experiments.results.numbers import Column, Rated, Traced, Value
from amulet.experiments.results.pictures import Pictured, rows_of
from amulet.experiments.results.results import Results
from amulet.report import write
from amulet.report.words.vocabulary.formats import MINUS

PHONE = 390
PATIENCE = 300_000
"""Milliseconds until a wait is given up; nothing takes as long on the slowest machine."""

MOST_BYTES = 1_500_000
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
        """The panel of a cell of the map, its charts drawn."""
        self.cell(row, risk).click()
        return self.drawn(self.cell(row, risk))

    def cell(self, row: int, risk: str) -> Locator:
        """A cell of the map by the place of its defense, from 0, and the name of its risk."""
        heads = self.page.locator("#map thead th").all_inner_texts()
        place = next(at for at, head in enumerate(heads) if risk in head)
        return self.page.locator("#map tbody tr").nth(row).locator("td").nth(place - 1).locator("a")

    def drawn(self, cell: Locator | None = None) -> Locator:
        """The panel once the charts of a cell are there."""
        anchor = (cell.get_attribute("href") or "").removeprefix("#") if cell else None
        self.page.wait_for_selector(f'#panel[data-drawn="{anchor}"]' if anchor else "#panel[data-drawn]")
        return self.page.locator("#panel")

    def complaint(self) -> str:
        """The first one, which the browser may still be about to tell."""
        if not self.complaints:
            self.page.wait_for_event("console")
        return self.complaints[0]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with four defended rows, some with markup for a label; curves behind two attacks, images behind one."""
    values = [
        Value(
            row,
            column.risk,
            column.probe,
            column.metric,
            seed,
            0.5 + 0.01 * place * seed,
            None,
            "d" * 60 + f"{place:04}",
        )
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
        rates=tuple(_rated(row, seed) for row in ROWS for seed in range(3)),
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
        heard.opened(0, risk)
        heard.page.keyboard.press("Escape")
    assert heard.complaints == []
    assert heard.asked == [report.as_uri()]
    assert report.stat().st_size < MOST_BYTES


def test_a_server_is_asked_for_one_file(browser: Browser, site: Site) -> None:
    with browser.new_context() as context:
        _listening(context, site.address).opened(1, "S1 Evasion")
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
        heard.opened(0, "S1 Evasion")
        assert "Content Security Policy" in heard.complaint()
    assert site.asked == ["/report.html"]


@pytest.mark.parametrize(
    ("risk", "titles"), [("P1", ("false positive rate", "true positive rate")), ("S1", ("epsilon", "robust accuracy"))]
)
def test_a_click_shows_sentence_seeds_and_curve(heard: Heard, risk: str, titles: tuple[str, str]) -> None:
    panel = heard.opened(3, risk)
    assert panel.locator("[data-part=row]").inner_text() == "</script><b>DP-SGD"
    assert panel.get_by_role("heading", level=2).inner_text().endswith("?")
    assert "</script><b>DP-SGD" in panel.locator(".what").inner_text()
    assert panel.locator("figure:visible svg").count() == 2
    shown = panel.locator(".curve svg text").all_text_contents()
    assert set(titles) <= set(shown)
    assert {"undefended", "defended"} <= set(shown)
    assert panel.locator(".metric svg .mark-symbol path").count() == 3
    panel.get_by_text("The curve as a table").click()
    assert panel.locator(".curve tbody tr").count() == 3
    assert "seed 2 " + "e" * 12 in panel.locator(".curve caption").inner_text()
    panel.get_by_text("Seeds and statistics").click()
    numbers = panel.locator(".metric tbody tr").first.inner_text().split()
    assert numbers == ["0", "0.5", "d" * 12, "0.5", "d" * 12]


def test_the_axes_of_a_roc_are_logarithmic(heard: Heard) -> None:
    shown = heard.opened(0, "P1").locator(".curve svg .role-axis-label text").all_text_contents()
    assert {"0.01", "0.1", "1"} <= set(shown)


def test_a_metric_without_a_curve_has_none(heard: Heard) -> None:
    assert heard.opened(0, "S1").locator(".curve").count() == 1
    assert heard.opened(0, "Utility").locator(".curve").count() == 0


def test_images_stand_behind_their_own_attack(heard: Heard) -> None:
    images = heard.opened(1, "S1").locator("[data-pictures] img:visible")
    assert images.count() == 2 * len(ROWS)
    assert images.first.get_attribute("alt") == f"granted, made: {ROWS[0]}"
    assert images.first.evaluate("image => image.complete && image.naturalWidth") == 4
    heard.page.keyboard.press("Escape")
    assert heard.opened(1, "P1").locator("img:visible").count() == 0


def test_behind_a_gap_are_the_groups_it_compares(heard: Heard) -> None:
    shown = heard.opened(0, "Discriminatory").locator("[data-part=groups]")
    lines = [line.split() for line in shown.locator("tr").all_inner_texts()]
    assert lines == [["Group", "denied", "approved", "all"], ["black", "10", "20", "30"], ["white", "20", "250", "270"]]
    assert "The smallest group is black" in shown.inner_text()
    assert not heard.opened(0, "S1").locator("[data-part=groups]").is_visible()


def test_the_rates_of_groups_are_those_of_the_cell_and_of_the_undefended_model(heard: Heard) -> None:
    shown = heard.opened(3, "Discriminatory").locator("[data-part=rates]")
    assert shown.locator(".of-row").all_inner_texts() == ["undefended", "</script><b>DP-SGD"]
    lines = [line.split() for line in shown.locator("tbody tr").all_inner_texts()]
    assert [line[:2] for line in lines if line[0] == "black"] == [["black", "0.667"]] * 2
    assert not heard.opened(3, "S1").locator("[data-part=rates]").is_visible()


def test_the_panel_says_which_checks_have_failed(heard: Heard) -> None:
    shown = heard.opened(0, "S1").locator("[data-part=gates]")
    assert "Model check failed" in shown.inner_text()


@pytest.mark.parametrize("width", [PHONE, 1280])
def test_the_first_screen_says_what_each_defense_does(browser: Browser, report: Path, width: int) -> None:
    with browser.new_context(viewport={"width": width, "height": 900}) as context:
        page = _listening(context, report.as_uri()).page
        sentences = page.locator(".news li")
        undefended, *others = sentences.all_inner_texts()
        assert "67% (black)" in undefended
        assert len(others) == len(ROWS) - 1
        assert sentences.first.bounding_box()["y"] < 400  # type: ignore[index]
        assert all("decides hardly better than always naming one class" in text for text in others)
        assert any("xxx" in text for text in others)


def test_map_and_sentences_fit_one_screen_of_a_laptop(browser: Browser, report: Path) -> None:
    with browser.new_context(viewport={"width": 1366, "height": 768}) as context:
        page = _listening(context, report.as_uri()).page
        box = page.locator("#map").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 768
        heights = {round(each.bounding_box()["height"]) for each in page.locator("#map a.tile").all()}  # type: ignore[index]
        assert len(heights) == 1
        assert (
            page.evaluate(
                "Math.max(...[...document.querySelectorAll('.tile')].map((t) => t.scrollWidth - t.clientWidth))"
            )
            == 0
        )


@pytest.mark.parametrize("width", [1024, 1280])
def test_no_cell_cuts_its_word_or_difference(browser: Browser, report: Path, width: int) -> None:
    with browser.new_context(viewport={"width": width, "height": 768}) as context:
        page = _listening(context, report.as_uri()).page
        page.evaluate(
            "document.querySelectorAll('#map .word').forEach((word) => { word.textContent = 'check failed' })"
        )
        cut = "Math.max(...[...document.querySelectorAll('#map .tile')].map((t) => t.scrollWidth - t.clientWidth))"
        assert page.evaluate(cut) == 0


def test_a_cell_holds_a_sign_a_word_and_a_difference(heard: Heard) -> None:
    texts = {" ".join(each.inner_text().split()) for each in heard.page.locator("#map a.tile").all()}
    assert all(re.fullmatch(rf"\S [a-z ]+( [+{MINUS}]?[\d.]+)?", text) for text in texts)


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_keys_open_and_close_and_focus_comes_back(heard: Heard, key: str) -> None:
    cell = heard.cell(0, "S1")
    cell.focus()
    heard.page.keyboard.press(key)
    panel = heard.drawn(cell)
    assert heard.page.evaluate("document.getElementById('panel').contains(document.activeElement)")
    heard.page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(cell).to_be_focused()


def test_arrow_keys_move_in_the_map_and_one_tab_leaves_it(heard: Heard) -> None:
    heard.cell(0, "Utility").focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowRight"):
        heard.page.keyboard.press(key)
    expect(heard.cell(1, "P1")).to_be_focused()
    heard.page.keyboard.press("Tab")
    assert not heard.page.evaluate("document.activeElement.matches('#map a.tile')")
    heard.page.keyboard.press("Shift+Tab")
    expect(heard.cell(1, "P1")).to_be_focused()


def test_the_panel_goes_to_the_next_cell_and_back(heard: Heard) -> None:
    panel = heard.opened(0, "Utility")
    assert panel.locator("[data-part=place]").inner_text() == f"1 of {len(COLUMNS) * (len(ROWS) - 1)}"
    assert panel.get_by_role("button", name="Previous").is_disabled()
    panel.get_by_role("button", name="Next").click()
    heard.drawn(heard.cell(0, "S1"))
    heard.page.keyboard.press("ArrowRight")
    heard.drawn(heard.cell(0, "P1"))
    heard.page.keyboard.press("ArrowLeft")
    heard.drawn(heard.cell(0, "S1"))


def test_the_panel_is_no_dialog_over_the_page(heard: Heard) -> None:
    heard.opened(0, "S1")
    panel, map_box = heard.page.locator("#panel").bounding_box(), heard.page.locator("#map").bounding_box()
    assert panel is not None
    assert map_box is not None
    assert map_box["x"] + map_box["width"] <= panel["x"]
    heard.cell(2, "P1").click()
    heard.drawn(heard.cell(2, "P1"))
    assert heard.page.locator("#map a.tile[aria-current]").count() == 1


def test_a_link_opens_its_cell(browser: Browser, report: Path, heard: Heard) -> None:
    heard.opened(3, "P1")
    address = heard.page.url
    assert address.endswith("#membership_inference.script-b-dp-sgd")
    with browser.new_context() as context:
        panel = _listening(context, address).drawn()
        assert panel.locator("[data-part=row]").inner_text() == "</script><b>DP-SGD"
    heard.page.keyboard.press("Escape")
    assert heard.page.url == report.as_uri()


def test_the_close_button_closes_it(heard: Heard) -> None:
    panel = heard.opened(0, "S1")
    panel.get_by_role("button", name="Close").click()
    expect(panel).to_be_hidden()


def test_a_term_is_explained_to_pointer_and_keyboard(heard: Heard) -> None:
    name = heard.page.locator("#map thead .term").first
    tip = heard.page.locator(f"#{name.get_attribute('aria-describedby')}")
    expect(tip).to_be_hidden()
    name.focus()
    expect(tip).to_be_visible()


def test_the_matrix_can_be_saved_as_csv(heard: Heard) -> None:
    with heard.page.expect_download() as saved:
        heard.page.get_by_role("link", name="The matrix as CSV").click()
    assert saved.value.suggested_filename == "browser.csv"
    lines = saved.value.path().read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + len(ROWS) * len(COLUMNS)
    assert lines[1].startswith("undefended,,S1 Evasion,PGD,Robust accuracy,,yes,low,0.5,")


def test_charts_have_names_and_a_table_beside_them(heard: Heard) -> None:
    panel = heard.opened(0, "P1")
    names = [item.get_attribute("aria-label") or "" for item in panel.get_by_role("img").all()]
    assert len(names) == 2
    assert all(name.startswith("Chart: ") for name in names)
    heard.page.locator("#trade-offs > summary").click()
    assert heard.page.locator("#trade-offs").get_by_role("img").count() == len(COLUMNS) - 1
    assert heard.page.locator("#trade-offs table").count() == len(COLUMNS) - 1


@pytest.mark.parametrize(("width", "height", "screens"), [(1440, 900, 3), (PHONE, 844, 6)])
def test_it_is_short_until_something_is_unfolded(
    browser: Browser, report: Path, width: int, height: int, screens: int
) -> None:
    with browser.new_context(viewport={"width": width, "height": height}) as context:
        page = _listening(context, report.as_uri()).page
        assert page.evaluate("document.documentElement.scrollHeight") <= screens * height


def test_it_fits_a_phone_without_scrolling_sideways(browser: Browser, report: Path) -> None:
    with browser.new_context(viewport={"width": PHONE, "height": 800}) as context:
        heard = _listening(context, report.as_uri())
        assert heard.page.evaluate(EXCESS) == 0
        panel = heard.opened(2, "P1")
        assert panel.evaluate("item => item.scrollWidth - item.clientWidth") == 0
        assert panel.bounding_box()["width"] <= PHONE  # type: ignore[index]


@pytest.mark.parametrize("width", [PHONE, 820])
def test_the_panel_covers_no_cell_that_is_chosen(browser: Browser, report: Path, width: int) -> None:
    with browser.new_context(viewport={"width": width, "height": 844}) as context:
        heard = _listening(context, report.as_uri())
        for row in (0, len(ROWS) - 2):
            top = heard.opened(row, "P1").bounding_box()["y"]  # type: ignore[index]
            cell = heard.cell(row, "P1").bounding_box()
            assert cell is not None
            assert cell["y"] >= 0
            assert cell["y"] + cell["height"] <= top


def test_beside_the_panel_each_risk_has_a_short_head(browser: Browser, report: Path) -> None:
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        heard = _listening(context, report.as_uri())
        asked, short = heard.page.locator("#map .asked").first, heard.page.locator("#map .short")
        assert not short.first.is_visible()
        heard.opened(0, "P1")
        assert [each.inner_text() for each in short.all()] == ["Utility", "Evasion", "Membership", "Fairness"]
        assert asked.bounding_box()["width"] <= 1  # type: ignore[index]


def test_without_scripts_links_lead_to_the_tables(browser: Browser, report: Path) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = _page(context)
        page.goto(report.as_uri())
        assert page.get_by_text("What lies behind a cell needs scripts").is_visible()
        page.locator("#map a.tile").nth(1).click()
        expect(page.locator("#risks table").first).to_be_visible()
        page.locator("#trade-offs > summary").click()
        assert page.locator("#trade-offs svg:visible").count() == len(COLUMNS) - 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_ink_and_charts_stand_out_in_light_and_dark(
    browser: Browser, report: Path, scheme: Literal["light", "dark"]
) -> None:
    with browser.new_context(color_scheme=scheme) as context:
        heard = _listening(context, report.as_uri())
        panel = heard.opened(0, "P1")
        paper = panel.evaluate("item => getComputedStyle(item).backgroundColor")
        text = panel.locator(".curve svg .role-axis-title text").first
        line = panel.locator(".curve svg .mark-line path").last
        assert _contrast(paper, text.evaluate("item => getComputedStyle(item).fill")) > 4.5
        assert _contrast(paper, line.evaluate("item => getComputedStyle(item).stroke")) > 3
        for tile in heard.page.locator(".tile:visible").all():
            ground, ink = tile.evaluate(
                "item => [getComputedStyle(item).backgroundColor, getComputedStyle(item).color]"
            )
            assert _contrast(ground, ink) > 4.5
        assert len(panel.screenshot()) > 20_000


def test_it_can_be_printed(heard: Heard) -> None:
    heard.page.locator("#trade-offs > summary").click()
    heard.opened(0, "P1")
    heard.page.emulate_media(media="print")
    expect(heard.page.locator("#panel")).to_be_hidden()
    expect(heard.page.locator("#map")).to_be_visible()
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


def _rated(row: str, seed: int) -> Rated:
    groups = (("black", 20, 30), ("white", 250, 270))
    rates = tuple(GroupRate("favourable decisions", name, count, of, enters=True) for name, count, of in groups)
    return Rated(row, "discriminatory_behavior", GAP, seed, "f" * 64, GroupRates(rates, fewest=5))


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
