"""The documentation is true: its snippets and commands run, its links resolve, and nothing is left out.

Conventions of the pages:
- a block that begins with a comment such as `# my_net.py` or `# first.yaml` is a file of that name;
- ```python blocks run in order, one namespace a page, "python data" blocks only where $AMULET_DATA holds Census and
  FashionMNIST; a ```text block right behind one is what it prints;
- "$ amulet ..." lines of ```console blocks run, unless they need the demo's results (its file is under `examples/`);
  in a "console error" block they fail, and the other lines are among what they say;
- a plug-in's page lies at `docs/risks/RISK/KIND/NAME.md` and has one snippet, its example, of at most ten lines.
"""

import math
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
from amulet.core.metric import Metric
from amulet.core.split import Split
from amulet.experiments import Experiment
from amulet.experiments.model_audit.specification import ModelAudit
from amulet.experiments.pairs.specification import Pair
from amulet.experiments.registry.plugins import Kind, Plugin, plugins
from amulet.factors import Factor
from amulet.training import Recipe, TrainingFunction

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
RISKS = ROOT / "docs" / "risks"
FACTORS = ROOT / "docs" / "factors"
FOLDERS = {Kind.ATTACK: "attacks", Kind.AUDIT: "audits", Kind.DEFENSE: "defenses", Kind.METRIC: "metrics"}
BUILT_IN = [plugin for plugin in plugins() if plugin.risk and plugin.home.startswith("amulet.")]
DESCRIBED = [plugin for plugin in BUILT_IN if plugin.kind in FOLDERS]
FACTOR_PLUGINS = [each for each in plugins() if each.kind is Kind.FACTOR and each.home.startswith("amulet.")]
FURTHER = ("What differs from the paper", "What it reaches", "Limits", "How it is verified")
"""Headings that the page of a plug-in may have behind those that it must have."""


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


def test_the_readme_lists_each_command_once() -> None:
    listed = re.findall(r"^\| `(.+?)` \|", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert "amulet compare FILE" in listed
    assert len(listed) == len(set(listed))


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


def page_of(plugin: Plugin) -> Path:
    """It has one page, with its risk, wherever its code lies; a factor with the other factors."""
    if plugin.kind is Kind.FACTOR:
        return FACTORS / f"{plugin.name}.md"
    return RISKS / plugin.risk / FOLDERS[plugin.kind] / f"{plugin.name}.md"


def sections(page: Path) -> dict[str, str]:
    """The text by its heading of the second level, in order; what stands before them is under the empty one."""
    first, *others = re.split(r"^## (.+)\n", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {"": first, **dict(zip(others[::2], others[1::2], strict=True))}


def is_named(setting: str, text: str) -> bool:
    return re.search(rf"[`(]{setting}[`=)]", text) is not None


def label(plugin: Plugin) -> str:
    return f"{plugin.risk or plugin.kind}-{plugin.name}"


@pytest.mark.parametrize("plugin", DESCRIBED, ids=label)
def test_every_plugin_has_a_page_of_one_form(plugin: Plugin) -> None:
    parts = sections(page_of(plugin))
    is_metric = plugin.kind is Kind.METRIC
    required = ["Definition", "Threat model"] if is_metric else ["Threat model", "Settings"]
    assert list(parts) == ["", *required, "Cost", "Example", *(each for each in FURTHER if each in parts)]
    assert parts[""].startswith(f"# `{plugin.name}`\n")
    assert "https://" in parts[""] or plugin.kind is Kind.AUDIT
    names = [field.name for field in fields(plugin.spec)]
    settings = parts["Definition" if is_metric else "Settings"]
    assert [name for name in names if not is_named(name, settings)] == []
    assert names or is_metric or settings.strip() == "It has no settings."


@pytest.mark.parametrize("plugin", FACTOR_PLUGINS, ids=lambda plugin: plugin.name)
def test_every_factor_has_a_page_of_one_form(plugin: Plugin) -> None:
    factor, parts = plugin.spec, sections(page_of(plugin))
    assert issubclass(factor, Factor)
    required = ["Definition", "Settings", "Cost", "Example"]
    assert list(parts) == ["", *required, *(each for each in FURTHER if each in parts)]
    assert parts[""].startswith(f"# `{plugin.name}`\n")
    assert "https://" in parts[""]
    names = [field.name for field in fields(factor)]
    assert [name for name in names if not is_named(name, parts["Settings"])] == []
    assert names or parts["Settings"].strip() == "It has no settings."
    ends = {shown(end) for end in (factor.low, factor.high)}
    span = "unbounded" if ends == {"unbounded"} else f"{shown(factor.low)}..{shown(factor.high)}"
    grows = ("yes" if factor.grows else "no") if factor.code else ""
    [line] = re.findall(r"^\|[- |]+\|\n(.*)$", parts["Definition"], re.MULTILINE)
    assert [cell.strip() for cell in line.strip("|").split("|")] == [span, factor.code or "none", grows]


def test_the_guide_links_to_every_factor_and_there_are_no_other_pages() -> None:
    pages = {page_of(plugin) for plugin in FACTOR_PLUGINS}
    assert set(FACTORS.iterdir()) == pages
    links = re.findall(r"\]\(([^)\s#]+)\)", prose(ROOT / "docs" / "guide" / "factors.md"))
    assert pages <= {(ROOT / "docs" / "guide" / link).resolve() for link in links}


@pytest.mark.parametrize("plugin", [*DESCRIBED, *FACTOR_PLUGINS], ids=label)
def test_the_example_of_a_plugin_is_short(plugin: Plugin) -> None:
    page = page_of(plugin)
    [example] = [block for block in blocks(page) if block.info.split()[:1] == ["python"]]
    assert example.text in sections(page)["Example"]
    assert len([line for line in example.text.splitlines() if line.strip()]) <= 10


@pytest.mark.parametrize("plugin", [each for each in DESCRIBED if each.kind is Kind.METRIC], ids=label)
def test_the_page_of_a_metric_states_what_its_class_does(plugin: Plugin) -> None:
    metric = plugin.spec
    assert issubclass(metric, Metric)
    table = re.sub(r"`|\[|\]\([^)]*\)", "", sections(page_of(plugin))["Definition"]).strip().splitlines()
    heads, values = ([cell.strip() for cell in table[row].strip("|").split("|")] for row in (0, 2))
    assert dict(zip(heads, values, strict=True)) == {
        "range": f"{shown(metric.low)}..{shown(metric.high)}",
        "riskier": metric.riskier or "neither",
        "chance": shown(metric.chance),
        "margin": shown(metric.margin),
    }


def test_the_margin_of_every_metric_is_in_the_guide_with_a_reason() -> None:
    stated: dict[tuple[str | None, str], str] = {}
    for line in sections(ROOT / "docs" / "guide" / "verdicts.md")["Margins"].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and "`" in cells[1]:
            assert cells[3]
            stated |= {(cells[0], metric): cells[2] for metric in re.findall(r"`(\w+)`", cells[1])}
    metrics = {(each.risk, each.name): each.spec for each in DESCRIBED if each.kind is Kind.METRIC}
    expected = {key: shown(metric.margin) for key, metric in metrics.items() if issubclass(metric, Metric)}
    expected["membership_inference", "TPRAtFPR"] = "2 `fpr`, at most 0.02"
    assert stated == expected


def shown(value: float | str | None) -> str:
    """A range's end, a chance level or a margin as it stands on a metric's page."""
    if isinstance(value, float | int):
        return f"{value:g}" if math.isfinite(value) else "unbounded"
    return value or "none"


@pytest.mark.parametrize("risk", sorted({plugin.risk for plugin in BUILT_IN}))
def test_the_folder_of_a_risk_has_a_page_for_each_plugin_and_links_to_all(risk: str) -> None:
    overview = RISKS / risk / "README.md"
    pages = {page_of(plugin) for plugin in DESCRIBED if plugin.risk == risk}
    assert {file for file in overview.parent.rglob("*") if file.is_file()} == {overview, *pages}
    links = re.findall(r"\]\(([^)\s#]+)\)", prose(overview))
    assert pages <= {(overview.parent / link).resolve() for link in links}


def test_every_page_of_a_risk_lies_in_its_folder() -> None:
    assert {place.name for place in RISKS.iterdir()} == {plugin.risk for plugin in BUILT_IN}


@pytest.mark.parametrize("plugin", [each for each in BUILT_IN if each.kind is Kind.SETTING], ids=label)
def test_a_setting_with_settings_of_its_own_is_explained_where_it_is_used(plugin: Plugin) -> None:
    parts = [sections(page_of(other))["Settings"] for other in DESCRIBED if other.home == plugin.home]
    names = [plugin.name, *(field.name for field in fields(plugin.spec))]
    assert any(all(is_named(name, text) for name in names) for text in parts)


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


def test_every_key_of_an_audit_is_explained() -> None:
    page = (ROOT / "docs" / "guide" / "audit.md").read_text(encoding="utf-8")
    assert [field.name for field in fields(ModelAudit) if f"`{field.name}`" not in page] == []


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
