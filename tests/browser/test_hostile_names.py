"""Pages with markup, scripts, templates and invisible characters in every name, in a real browser.

The page is opened without the policy that forbids other scripts, so that one that stood in it would run. Its elements,
each with the names of its attributes, are of the kinds that a page on harmless names has.
"""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from amulet.core.text import visible
from amulet.report import write, write_audit, write_pair
from marked_results import assessed, audited, manifest, paired

RUN = "window.hostile=1"
HOSTILE = (
    f'</script><script>{RUN}</script><img src=x onerror={RUN}><svg/onload={RUN}>" onmouseover="{RUN}" \' autofocus'
    f" onfocus={RUN} x='<a href=javascript:{RUN}>a</a></style></title></textarea><!-- ]]> &lt;b&gt; &#60;i&#62;"
    " {{7*7}} {% raw %} ${7*7} `x` \\u003cb\\u003e javascript:1 \u2028\u2029\u202e\u2066\u200b\x1b[31m] \x07"
)
HARMLESS = re.sub(r"\S", "x", visible(HOSTILE))
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
SOUND_LINKS = ("#", "https://", "data:image/png;base64,", "data:text/csv;charset=utf-8,", "data:,")

ELEMENTS = """() => [...document.querySelectorAll("*")].map(
    (item) => [item.tagName, ...[...item.attributes].map((one) => one.name).sort()].join(" "))"""
LINKS = """() => [...document.querySelectorAll("[href], [src]")].map(
    (item) => item.getAttribute("href") ?? item.getAttribute("src"))"""
OPEN_ALL = """() => document.querySelectorAll("details").forEach((item) => { item.open = true; })"""


def written(kind: str, mark: str, folder: Path) -> Path:
    """The page of a kind of results."""
    match kind:
        case "pair":
            return write_pair(paired(mark), manifest(mark), folder)
        case "audit":
            return write_audit(audited(mark), folder, manifest(mark))
    return write(assessed(mark), manifest(mark), folder)


@pytest.fixture(params=["assessment", "pair", "audit"])
def pages(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Path]:
    """The pages on hostile and on harmless names, without a policy."""
    made: dict[str, Path] = {}
    for mark in (HOSTILE, HARMLESS):
        page = written(request.param, mark, tmp_path / str(len(made)))
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
