"""Configurations with mistakes of every kind: the command ends with sentences and its documented exit code.

Each example takes a valid file and changes one to three of its places: another value of any type, a name of another
plug-in, a deleted, renamed, repeated or wrongly nested setting. `AMULET_FUZZ=5000` tries that many examples a test.
"""

import math
import os
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import fields
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from amulet.cli import app
from amulet.core.errors import AmuletError
from amulet.core.spec import Spec
from amulet.core.text import visible
from amulet.experiments import load_audit, load_experiment, load_pair
from amulet.experiments.registry.building import from_plain
from amulet.experiments.registry.plugins import Kind, plugins
from amulet.models import LinearNet, save_weights
from amulet.testing import toy_dataset

Place = tuple[str | int, ...]

EXAMPLES = Path(__file__).parents[2] / "examples"
TOY = {"ImportedDataset": {"function": "amulet.testing:toy_dataset"}}
MODEL = {"LinearNet": {"hidden": [8], "norm": "group"}}
PAIR = {
    "name": "pair",
    "dataset": TOY,
    "model": MODEL,
    "before": "before.safetensors",
    "after": "after.safetensors",
    "attacks": ["LossThreshold", {"PGD": {"epsilon": 0.1}}],
    "audits": [{"Discrimination": {"attribute": "sex"}}],
    "split": {"validation": 0.1, "seed": 1},
}
AUDIT = {"name": "audit", "dataset": TOY, "model": MODEL, "attacks": ["PGD"]}
TRIES = int(os.environ.get("AMULET_FUZZ", "0"))

NUMBERS = (0, -1, 1, 2, 7, 10**6, 2**31, 2**62, 2**70, -(2**63), 0.0, -0.0, 0.5, -0.5, 1.5, 1e-320, 1e308, math.inf,
           -math.inf, math.nan)  # fmt: skip
TEXTS = ("", " ", "x", "all", "all pairs", "yes", "8/255", "1/0", "1e3", "inf", "nan", "NaN", "None", "cpu", "../x",
         "/etc/passwd", "a:b", "os:system", "amulet.testing:toy_dataset", "a\nb", "\u202eabc", "e\u0301", "\U0001f4a5",
         "<script>alert(1)</script>", "[red]x[/red]", "%s{0}{x}", "x" * 10_000, "a|b", "'\"", "\\", "amulet",
         "undefended", "__class__", "digest", "plain", "self")  # fmt: skip
NAMES = tuple(sorted({plugin.name for plugin in plugins()}))


@cache
def scalars() -> st.SearchStrategy[Any]:
    return st.one_of(
        st.sampled_from([None, True, False, *NUMBERS]), st.sampled_from(TEXTS), st.sampled_from(NAMES),
        st.integers(), st.floats(), st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20),
    )  # fmt: skip


@cache
def values() -> st.SearchStrategy[Any]:
    """Any value that YAML can write, and plug-ins with settings."""
    keys = st.one_of(st.sampled_from(TEXTS[2:]), st.sampled_from(NAMES), st.sampled_from(SETTINGS))
    return st.recursive(
        scalars(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
        max_leaves=5,
    )


SETTINGS = tuple(sorted({item.name for plugin in plugins() for item in fields(plugin.spec)}))


def places(document: Any, place: Place = ()) -> Iterator[Place]:
    """Every place below the top of a document."""
    inside: Any = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in inside:
        yield (*place, key)
        if isinstance(value, dict | list):
            yield from places(value, (*place, key))


def around(document: Any, place: Place) -> Any:
    key: Any
    for key in place[:-1]:
        document = document[key]
    return document


def misspelt(name: str) -> st.SearchStrategy[str]:
    return st.sampled_from([name[:-1], name.upper(), f"{name}s", name[::-1], f"amulet.{name}", f"{name} "])


def changed(draw: st.DrawFn, document: Any) -> None:
    """Change one place of the document."""
    found = list(places(document))
    if not found:
        return
    place = draw(st.sampled_from(found))
    holder: Any = around(document, place)
    key: Any = place[-1]
    match draw(st.integers(0, 7)):
        case 0 | 1 | 2:
            holder[key] = draw(values())
        case 3:
            del holder[key]
        case 4 if isinstance(holder, dict) and isinstance(key, str):
            new = draw(st.one_of(misspelt(key), st.sampled_from(NAMES), st.sampled_from(SETTINGS)))
            holder[new or "x"] = holder.pop(key)
        case 4 if isinstance(holder, list):
            holder.append(deepcopy(holder[key]))
        case 5:
            holder[key] = draw(st.sampled_from([[holder[key]], {str(key): holder[key]}, {"Recipe": holder[key]}]))
        case 6 if isinstance(holder, dict):
            holder[draw(st.sampled_from(SETTINGS))] = draw(values())
        case _:
            other = draw(st.sampled_from(found))
            holder[key] = deepcopy(around(document, other)[other[-1]])


@st.composite
def documents(draw: st.DrawFn, valid: tuple[Any, ...], *, mildly: bool = False) -> Any:
    """A document with mistakes; `mildly` changes settings to others that most often are allowed, so it goes further."""
    document = deepcopy(draw(st.sampled_from(valid)))
    for _ in range(draw(st.integers(1, 3))):
        if mildly:
            nudged(draw, document)
        else:
            changed(draw, document)
    return document


def nudged(draw: st.DrawFn, document: Any) -> None:
    """Change a number, or add a plug-in with up to two settings; both are allowed in most cases."""
    numbers = [place for place in places(document) if isinstance(around(document, place)[place[-1]], int | float)]
    some = st.sampled_from(
        [0, 1, 2, 3, 64, 10**6, 10**9, 0.0, 1e-9, 1e-3, 0.5, 0.999, 1.0, 100.0, 1e30, 1e308, math.inf]
    )
    number_only = draw(st.booleans())
    if numbers and number_only:
        found = draw(st.sampled_from(numbers))
        around(document, found)[found[-1]] = draw(some)
        return
    listed = {Kind.ATTACK: "attacks", Kind.AUDIT: "audits", Kind.DEFENSE: "defenses", Kind.METRIC: "metrics"}
    plugin = draw(st.sampled_from([plugin for plugin in plugins() if plugin.kind in listed]))
    chosen = {item.name: draw(some | st.sampled_from([True, "sex", "approved", "none"])) for item in
              draw(st.lists(st.sampled_from(fields(plugin.spec) or [None]), max_size=2)) if item}  # fmt: skip
    key, spec = listed[plugin.kind], {plugin.names[-1]: chosen}
    if key == "defenses" and isinstance(document.get(key), dict):
        document[key]["another"] = [spec]
    elif isinstance(document.get(key, []), list):
        document[key] = [*document.get(key, []), spec]


def experiments() -> tuple[Any, ...]:
    """The examples, on toy data, with few epochs."""
    found = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(EXAMPLES.glob("*.yaml"))]
    for document in found:
        document |= {"dataset": TOY, "seeds": 2}
        document["recipe"]["Recipe"] |= {"model": MODEL, "epochs": 1}
    return tuple(found)


def tried(quick: int) -> settings:
    return settings(
        max_examples=TRIES or quick,
        derandomize=not TRIES,
        phases=[Phase.generate, Phase.shrink] if TRIES else [Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def require_told(output: str) -> None:
    """What the command says of a mistake: something, in text that a terminal only prints, and nothing unforeseen."""
    assert output.strip()
    assert "Traceback" not in output
    assert "code that it was given, failed" not in output
    assert "Code that the plan calls" not in output
    assert visible(output) == output


@tried(60)
@given(document=documents(experiments()))
def test_reading_an_experiment_gives_it_or_sentences(document: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    read_or_refused(load_experiment, document, tmp_path_factory)


@tried(30)
@given(document=documents((PAIR,)))
def test_reading_a_pair_gives_it_or_sentences(document: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    read_or_refused(load_pair, document, tmp_path_factory)


@tried(30)
@given(document=documents((AUDIT,)))
def test_reading_an_audit_gives_it_or_sentences(document: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    read_or_refused(load_audit, document, tmp_path_factory)


def read_or_refused(load: Any, document: Any, folders: pytest.TempPathFactory) -> None:
    path = folders.getbasetemp() / "fuzzed.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), encoding="utf-8")
    try:
        load(path)
    except AmuletError as error:
        sentences = str(error)
    else:
        return
    assert all(len(line) < 3000 for line in sentences.splitlines()), sentences
    require_told(sentences)


def odd_specs() -> Iterator[tuple[str, str, Any]]:
    """Every setting of every plug-in with every odd value."""
    nested: tuple[Any, ...] = ([], {}, [[]], [None], [1, "x"], {"x": 1}, ["x"] * 3, b"x", object, (1, 2), {1, 2})
    odd = (*NUMBERS, None, True, *TEXTS, "PGD", "LinearNet", *nested)
    for plugin in plugins():
        for item, value in product(fields(plugin.spec), odd):
            yield plugin.names[-1], item.name, value


def test_every_setting_of_every_plugin_refuses_odd_values_in_a_sentence() -> None:
    kinds = {plugin.names[-1]: plugin.spec for plugin in plugins()}
    strange: list[str] = []
    count = 0
    for name, setting, value in odd_specs():
        for make in (lambda n, s, v: kinds[n](**{s: v}), lambda n, s, v: from_plain({n: {s: v}})):
            count += 1
            try:
                made = make(name, setting, value)
                assert isinstance(made, Spec)
                str(made), repr(made), made.digest, made.plain()
            except AmuletError as error:
                told = str(error).strip() != ""
            except Exception as error:  # noqa: BLE001 - the test is that there is none
                told = "required positional argument" in str(error)
            else:
                told = True
            if not told:
                strange.append(f"{name}({setting}={value!r:.40})")
    assert not strange, f"{len(strange)} of {count}\n" + "\n".join(strange[:60])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("weights")
    for name in ("before", "after"):
        save_weights(LinearNet((8,), norm="group").build(toy_dataset().schema), place / f"{name}.safetensors")
    return place


def ends_as_documented(folder: Path, document: Any, *command: str) -> None:
    path = folder / "fuzzed.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        result = CliRunner().invoke(app, [*command, str(path)], env={"COLUMNS": "120"})
    assert result.exit_code in {0, 1, 2}, result.output
    require_told(result.output)
    assert not list(folder.rglob(".partial*"))


@tried(15)
@given(document=documents(experiments(), mildly=True))
def test_the_plan_of_an_experiment_ends_as_documented(document: Any, folder: Path) -> None:
    ends_as_documented(folder, document, "plan", "--store", str(folder / "store"))
    assert not (folder / "store").exists()


@tried(6)
@given(document=documents((PAIR,), mildly=True))
def test_a_comparison_ends_as_documented(document: Any, folder: Path) -> None:
    ends_as_documented(folder, document, "compare")


@tried(6)
@given(document=documents((AUDIT,), mildly=True))
def test_an_audit_ends_as_documented(document: Any, folder: Path) -> None:
    ends_as_documented(folder, document, "audit", str(folder / "before.safetensors"))


TOO_WIDE = {"LinearNet": {"hidden": [10**9], "norm": "group"}}


@pytest.mark.parametrize(
    ("document", "command"),
    [
        (PAIR | {"model": TOO_WIDE}, ("compare",)),
        (AUDIT | {"model": TOO_WIDE}, ("audit", "before.safetensors")),
    ],
    ids=["compare", "audit"],
)
def test_a_model_that_cannot_be_built_is_named(document: Any, command: tuple[str, ...], folder: Path) -> None:
    (folder / "wide.yaml").write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        result = CliRunner().invoke(app, [*command, "wide.yaml"])
    assert result.exit_code == 1
    assert result.output.startswith("The 'model' must be one that can be built for these data. LinearNet(")


@pytest.mark.parametrize("given", ["\u202e", "\x1b[31m", "<b>", "../x", "a b", ""])
@pytest.mark.parametrize("option", ["--allow-imports", "--device", "--max-seeds"])
def test_options_are_refused_in_visible_text(option: str, given: str, folder: Path) -> None:
    (folder / "toy.yaml").write_text(yaml.safe_dump(experiments()[0], sort_keys=False), encoding="utf-8")
    result = CliRunner().invoke(app, ["plan", str(folder / "toy.yaml"), option, given])
    assert result.exit_code == 2
    require_told(result.output)
