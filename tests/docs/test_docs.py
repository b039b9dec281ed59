"""The documentation is true: its snippets and commands run, its links resolve, and nothing is left out.

Conventions of the pages:
- a block that begins with a comment such as `# my_net.py` or `# first.yaml` is a file of that name;
- ```python blocks run in order, one namespace a page, "python data" blocks only where $AMULET_DATA holds Census and
  FashionMNIST; a ```text block right behind one is what it prints;
- "$ amulet ..." lines of ```console blocks run, unless they need the demo's results (its file is under `examples/`);
  in a "console error" block they fail, and the other lines are among what they say.
"""

import os
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

import amulet
from amulet.cli import app
from amulet.core.split import Split
from amulet.experiments import Experiment
from amulet.experiments.pair_files import Pair
from amulet.experiments.registry import Kind, Plugin, plugins
from amulet.training import Recipe, TrainingFunction

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
ATTACKED = {Kind.ATTACK, Kind.AUDIT, Kind.DEFENSE, Kind.METRIC}


@dataclass(frozen=True)
class Block:
    """A fenced block: its info string, its text, and the line of the page where that begins."""

    info: str
    text: str
    line: int

    @property
    def file(self) -> str | None:
        """The name of the file that it is, if so."""
        found = re.match(r"# ([\w./-]+\.(?:py|yaml))\n", self.text)
        return found.group(1) if found else None

    @property
    def next(self) -> int:
        """Where the text of a block begins that follows with nothing but an empty line between."""
        return self.line + self.text.count("\n") + 3


def blocks(page: Path) -> Iterator[Block]:
    info, start, held = None, 0, list[str]()
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if not line.startswith("```"):
            held.append(line)
        elif info is None:
            info, start, held = line.removeprefix("```").strip(), number + 1, []
        else:
            yield Block(info, "\n".join([*held, ""]), start)
            info = None
    assert info is None, f"{page.name}:{start - 1}: this block has no end"


def prose(page: Path) -> str:
    """The page without its blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def runs(page: Path) -> bool:
    return any(block.info.split()[:1] in (["python"], ["console"]) for block in blocks(page))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory; modules imported from there are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for module in list(sys.modules):
        if Path(getattr(sys.modules[module], "__file__", None) or ROOT).is_relative_to(tmp_path):
            del sys.modules[module]


@pytest.mark.parametrize("page", [page for page in PAGES if runs(page)], ids=name)
def test_its_snippets_and_commands_run(page: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    namespace: dict[str, object] = {"__name__": "__main__"}
    printed: dict[int, str] = {}
    for block in blocks(page):
        if block.file:
            place = folder / block.file
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(block.text, encoding="utf-8")
        elif block.info == "python" or (block.info == "python data" and has_data()):
            capsys.readouterr()
            code = compile("\n" * (block.line - 1) + block.text, str(page), "exec")
            exec(code, namespace)  # noqa: S102 - the project's own pages
            printed[block.next] = capsys.readouterr().out
        elif block.info == "text" and block.line in printed:
            assert printed[block.line].split() == block.text.split(), f"{name(page)}:{block.line}"
        elif block.info in {"console", "console error"}:
            run_commands(block, code=int(block.info == "console error"))


def has_data() -> bool:
    root = Path(os.environ.get("AMULET_DATA", "."))
    return all((root / folder).exists() for folder in ("adult", "fashion-mnist"))


def run_commands(block: Block, code: int) -> None:
    output = ""
    for line in block.text.splitlines():
        if not line.startswith("$ "):
            assert line.strip() in output or not code, f"{line!r} is not in {output!r}"
        elif line.startswith("$ amulet ") and "examples/" not in line and "runs/quickstart" not in line:
            done = CliRunner().invoke(app, shlex.split(line)[2:], env={"COLUMNS": "200"})
            assert done.exit_code == code, f"{line}\n{done.output}"
            output = done.output


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_its_yaml_is_yaml(page: Path) -> None:
    for block in blocks(page):
        if block.info == "yaml":
            assert yaml.safe_load(block.text), f"{name(page)}:{block.line}"


def anchors(page: Path) -> set[str]:
    """What GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_its_links_resolve(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        place = (page.parent / path).resolve() if path else page
        assert place.exists(), f"{name(page)} links to {target}"
        assert not anchor or anchor in anchors(place), f"{name(page)} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_it_names_exist(page: Path) -> None:
    text = prose(page)
    named = re.findall(r"`((?:src|tests|docs|examples|benchmarks)/[\w./-]+)`", text)
    assert [path for path in named if not (ROOT / path).exists()] == []
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert set(re.findall(r"`make (\w+)`", text)) <= targets


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_it_names_no_folder_of_one_machine(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"(?<![\w.:/~-])/(?:home|root|tmp|work|Users|usr|var|opt|mnt)\b\S*|\b[A-Z]:\\\S*", text) == []


@pytest.mark.parametrize(
    "plugin",
    [plugin for plugin in plugins() if plugin.kind in ATTACKED and plugin.home.startswith("amulet.")],
    ids=lambda plugin: f"{plugin.risk}-{plugin.name}",
)
def test_every_plugin_and_its_settings_are_on_the_page_of_its_risk(plugin: Plugin) -> None:
    page = (ROOT / "docs" / "risks" / f"{plugin.risk}.md").read_text(encoding="utf-8")
    assert re.search(rf"`{plugin.name}[`(]", page)
    assert [field.name for field in fields(plugin.spec) if not re.search(rf"[`(]{field.name}[`=)]", page)] == []


@pytest.mark.parametrize(
    "plugin", [each for each in plugins() if each.kind is Kind.DATASET], ids=lambda each: each.name
)
def test_every_data_set_and_its_settings_are_on_their_page(plugin: Plugin) -> None:
    page = (ROOT / "docs" / "guide" / "datasets.md").read_text(encoding="utf-8")
    names = [plugin.name, *(field.name for field in fields(plugin.spec))]
    assert [name for name in names if f"`{name}`" not in page] == []


@pytest.mark.parametrize("spec", [Experiment, Recipe, TrainingFunction, Split], ids=lambda spec: spec.__name__)
def test_every_key_of_an_experiment_is_explained(spec: type[Experiment]) -> None:
    page = (ROOT / "docs" / "guide" / "experiments.md").read_text(encoding="utf-8")
    assert [field.name for field in fields(spec) if f"`{field.name}`" not in page] == []


def test_every_key_of_a_pair_is_explained() -> None:
    page = (ROOT / "docs" / "guide" / "compare.md").read_text(encoding="utf-8")
    assert [field.name for field in fields(Pair) if f"`{field.name}`" not in page] == []


def test_the_folder_tree_is_the_package() -> None:
    page = ROOT / "docs" / "guide" / "architecture.md"
    tree = next(block.text for block in blocks(page) if block.text.startswith("src/amulet/"))
    path, drawn = list[str](), set[str]()
    for line in tree.splitlines()[1:]:
        found = re.match(r"( +)([\w.]+)/?  ", line)
        assert found, line
        path = [*path[: len(found.group(1)) // 2 - 1], found.group(2)]
        drawn.add("/".join(path))
    package = Path(amulet.__file__).parent
    folders = {place.parent.relative_to(package).as_posix() for place in package.rglob("*/__init__.py")}
    modules = {place.name for place in package.glob("*.py")} - {"__init__.py"}
    assert drawn == folders | modules


def test_decisions_are_numbered_and_say_why() -> None:
    assert [int(page.name[:4]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1))
    for page in DECISIONS:
        text = page.read_text(encoding="utf-8")
        assert all(f"\n## {part}\n" in text for part in ("Context", "Decision", "Consequence")), page.name
