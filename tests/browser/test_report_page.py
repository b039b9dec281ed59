"""The report in a real browser: it renders, asks for nothing, fits a phone, can be printed."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from amulet.experiments.results import Column, Results, Value
from amulet.experiments.store import environment
from amulet.report import write

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--enable-logging=stderr",
    "--virtual-time-budget=2000",
)
PHONE = 390
FRAME = """<!doctype html><iframe src="report.html" style="border:0; width:{width}px; height:600px"></iframe>
<p id="excess"></p><script>addEventListener("load", () => {{
const page = document.querySelector("iframe").contentDocument;
page.querySelectorAll("details").forEach(item => item.open = true);
const wide = [page.documentElement, ...page.querySelectorAll(".scroll")];
document.getElementById("excess").textContent =
  Math.max(...wide.map(item => item.scrollWidth - item.clientWidth));
}});</script>"""

Browse = Callable[..., "subprocess.CompletedProcess[str]"]


@dataclass
class Site:
    """A folder served to this machine alone, and what was asked of it."""

    folder: Path
    address: str = ""
    asked: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> str:
    """Where the browser is."""
    found = [path for name in BROWSERS if (path := shutil.which(name))]
    if not found:
        pytest.skip(f"no browser on PATH; looked for {', '.join(BROWSERS)}")
    return found[0]


@pytest.fixture
def browse(browser: str, tmp_path: Path) -> Browse:
    """Open an address in a browser with a new profile and no way out, and wait for it to end."""

    def run(address: str, *options: str) -> "subprocess.CompletedProcess[str]":
        command = [browser, *QUIET, f"--user-data-dir={tmp_path / 'profile'}", *options, address]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)

    return run


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A report with four defended rows, one of which has markup for a label."""
    rows = ("undefended", "<script>throw 1</script>", "a label of several words", "x" * 50, "DP-SGD")
    columns = (
        Column("evasion", "PGD", "robust_accuracy", 0.0, 1.0, "low", primary=True, margin=0.02, chance=None),
        Column("utility", "Utility", "accuracy", 0.0, 1.0, None, primary=True, margin=0.02, chance=None),
    )
    values = [
        Value(row, column.risk, column.probe, column.metric, seed, 0.5 + 0.01 * place * seed, None, "d" * 64)
        for place, row in enumerate(rows)
        for column in columns
        for seed in range(3)
    ]
    facts = {row: {str(seed): {"records": 100, "epsilon": 8.0} for seed in range(3)} for row in rows}
    results = Results("browser", "applications", "c" * 64, None, columns, tuple(values), facts)
    return write(results, environment(), tmp_path / "site")


@pytest.fixture
def site(page: Path) -> Iterator[Site]:
    """The report's folder behind a server."""
    served = Site(page.parent)

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            served.asked.append(self.path)

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(page.parent))) as server:
        served.address = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield served
        server.shutdown()
        thread.join()


def test_it_renders_without_a_complaint(browse: Browse, page: Path) -> None:
    shown = browse(page.as_uri(), "--dump-dom")
    assert "CONSOLE" not in shown.stderr
    assert "What each defense does to every risk" in shown.stdout
    assert shown.stdout.count("<tr") == page.read_text(encoding="utf-8").count("<tr")
    assert "<script" not in shown.stdout


def test_it_asks_for_itself_only(browse: Browse, site: Site) -> None:
    browse(f"{site.address}/report.html", "--dump-dom")
    assert site.asked == ["/report.html"]


@pytest.mark.parametrize(
    "outside", ['<img src="/a.png" alt="">', "<script>1</script>", '<link rel=stylesheet href="/a.css">']
)
def test_it_refuses_to_ask_for_more(browse: Browse, site: Site, page: Path, outside: str) -> None:
    page.write_text(page.read_text(encoding="utf-8").replace("<main>", f"{outside}<main>"), encoding="utf-8")
    shown = browse(f"{site.address}/report.html", "--dump-dom")
    assert "CONSOLE" in shown.stderr
    assert site.asked == ["/report.html"]


def test_it_fits_a_phone_without_scrolling_sideways(browse: Browse, site: Site) -> None:
    (site.folder / "frame.html").write_text(FRAME.format(width=PHONE), encoding="utf-8")
    shown = browse(f"{site.address}/frame.html", "--dump-dom")
    assert '<p id="excess">0</p>' in shown.stdout


@pytest.mark.parametrize("scheme", ["1", "0"], ids=["light", "dark"])
def test_it_can_be_looked_at(browse: Browse, page: Path, tmp_path: Path, scheme: str) -> None:
    picture = tmp_path / "page.png"
    looks = ("--window-size=1280,900", f"--blink-settings=preferredColorScheme={scheme}")
    browse(page.as_uri(), f"--screenshot={picture}", *looks)
    assert picture.stat().st_size > 20_000


def test_it_can_be_printed(browse: Browse, page: Path, tmp_path: Path) -> None:
    paper = tmp_path / "page.pdf"
    browse(page.as_uri(), f"--print-to-pdf={paper}")
    assert paper.read_bytes().startswith(b"%PDF")
