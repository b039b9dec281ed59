"""Configurations from elsewhere: read within bounds, one meaning for every value, one sentence for what is refused."""

from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from time import perf_counter

import pytest
import yaml

from amulet.core.errors import InvalidParameter
from amulet.experiments import Experiment, Row, dump_experiment, load_experiment
from amulet.experiments.yaml.document import DEEPEST, LARGEST, dump_document, read_document
from amulet.membership_inference.defenses import DPSGD


def refused(folder: Path, text: str | bytes) -> str:
    path = folder / "hostile.yaml"
    path.write_bytes(text if isinstance(text, bytes) else dedent(text).encode())
    with pytest.raises(InvalidParameter) as caught:
        load_experiment(path)
    (problem,) = caught.value.problems
    assert "\n" not in problem.sentence
    assert problem.sentence.isprintable()
    return problem.sentence.removeprefix(str(path)).removeprefix(":")


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefg", "bcdefgh", strict=True)
)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (BOMB, "1: Anchors and aliases"),
        ("name: x\nmetrics: &m [*m]", "2: Anchors and aliases"),
        ("name: *unknown", "1: Anchors and aliases"),
        ("&k name: x", "1: Anchors and aliases"),
        ("a: {x: 1}\nb:\n  <<: {y: 2}", "3: Merge keys"),
        (
            "name: !!python/object/apply:os.getcwd []",
            "1: Tags such as 'tag:yaml.org,2002:python/object/apply:os.getcwd'",
        ),
        ("name: !!str 3", "1: Tags such as"),
        ("name: !mine x", "1: Tags such as '!mine'"),
        ("!!map {name: x}", "1: Tags such as"),
        ("%TAG ! tag:example.com,2000:\n---\nname: !x y", "3: Tags such as"),
        ("a: " + "[" * 100_000, "1: Values must be nested at most"),
        ("a: " + "{a: " * 100_000, "1: Values must be nested at most"),
        ("- " * 10_000 + "a", "1: Values must be nested at most"),
        ("seeds: 010", "1: '010' is another number in YAML 1.1 than in YAML 1.2"),
        ("seeds: 1:30", "1: '1:30' is another number"),
        ("seeds: 0b11", "1: '0b11' is another number"),
        ("seeds: 0_10", "1: '0_10' is another number"),
        ("seeds: .nan", "1: A number must be given. '.nan' is none."),
        ("seeds: 1e999", "1: A number must be at most 1.7e308"),
        ("seeds: 9223372036854775808", "1: A whole number must lie between -2^63 and 2^63 - 1"),
        ("seeds: " + "9" * 10_000, "1: A whole number must lie between -2^63 and 2^63 - 1. Got 99"),
        ("seeds: 0x" + "f" * 10_000, "1: A whole number must lie between"),
        ("name: x\n---\nname: y", "2: A configuration must be one document"),
        ("? [a]\n: b", "1: A key must be a name"),
        ("'': b", "1: A key must be a name"),
        ("a: {x: 1, x: 2}", "1: 'x' stands here twice."),
        ("1: a\n1: b", "2: '1' stands here twice."),
        ("", " This file must hold 'setting: value' lines."),
        ("# only a comment", " This file must hold"),
        ("---\n...", " This file must hold"),
        ("- a list", " This file must hold"),
        ("name: a\n\tb: c", "2: This is not YAML"),
        ("name: " + "x" * 1001, "1: A text must have at most 1,000 characters. This one has 1,001."),
        ("name: '" + "1" * 1001 + "'", "1: A text must have at most 1,000 characters."),
        ("x" * 1001 + ": name", "1: A text must have at most"),
        ("? " + "x" * 1001 + "\n: name", "1: A text must have at most 1,000 characters."),
        ("name: 'open", "1: This is not YAML"),
        (b"name: ok\nother: \xff", "2: This is not YAML: it is not text in UTF-8."),
        ("name: a\x00b", "1: This is not YAML: it holds the character \\x00."),
        ("a: b\nname: a\x1b[31mb", "2: This is not YAML: it holds the character \\x1b."),
        ("name: x".encode("utf-16"), "1: This is not YAML"),
        ("x" * (LARGEST + 1), " A configuration must have at most 1,000,000 bytes."),
    ],
    ids=lambda value: str(value)[:24],
)
def test_what_a_configuration_may_not_hold_is_told_in_one_sentence_at_once(
    tmp_path: Path, text: str | bytes, sentence: str
) -> None:
    started = perf_counter()
    assert refused(tmp_path, text).startswith(sentence)
    assert perf_counter() - started < 10


def test_values_mean_what_yaml_1_2_says(tmp_path: Path) -> None:
    path = tmp_path / "values.yaml"
    path.write_text(
        dedent("""\
        yes: no
        on: [yes, No, ON, y, n, true, False, "true"]
        null: [~, null, "null", "", ]
        1: [0o17, 0x1F, 12, -3, +4, 1_000, "010"]
        1e3: [1e3, 1e-1, .5, 5., 1.5e+2, .inf, -.inf, "1e3"]
        date: [2001-12-14, 12.30.1, "1:30", =, 0.1.2]
        """),
        encoding="utf-8",
    )
    found, lines = read_document(path)
    assert found == {
        "yes": "no",
        "on": ["yes", "No", "ON", "y", "n", True, False, "true"],
        "null": [None, None, "null", ""],
        "1": [15, 31, 12, -3, 4, "1_000", "010"],
        "1e3": [1000.0, 0.1, 0.5, 5.0, 150.0, float("inf"), -float("inf"), "1e3"],
        "date": ["2001-12-14", "12.30.1", "1:30", "=", "0.1.2"],
    }
    assert lines["date",] == 6


TEXTS = ("010", "1:30", "0o17", "1e3", "yes", "no", "null", "~", "2001-12-14", "<<", "*a", "&a", "!x", "=", "a: b",
         "# c", "1_000", ".nan", ".inf", "-", "?", "x\ny", " a ", "\x1b[31m", "\u202e", "0.5", "true")  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_text_is_read_back_as_text_by_both_versions_of_yaml(tmp_path: Path, text: str) -> None:
    written = dump_document({text: text, "listed": [text, 1, 0.1, 1e-05, 1e300, True, None, float("inf")]})
    (tmp_path / "text.yaml").write_text(written, encoding="utf-8")
    assert read_document(tmp_path / "text.yaml")[0] == yaml.safe_load(written)
    assert yaml.safe_load(written)[text] == text


def test_labels_are_text_whatever_they_look_like(tmp_path: Path, experiment: Experiment) -> None:
    rows = tuple(
        Row(label, (DPSGD(epsilon=None, noise_multiplier=1.0, delta=1e-3),)) for label in ("8", "1e3", "no", "010")
    )
    written = tmp_path / "labels.yaml"
    written.write_text(dump_experiment(Experiment("x", experiment.dataset, experiment.recipe, rows)), encoding="utf-8")
    assert [row.label for row in load_experiment(str(written)).defenses] == ["8", "1e3", "no", "010"]


def test_nesting_up_to_the_bound_is_read(tmp_path: Path) -> None:
    path = tmp_path / "deep.yaml"
    path.write_text("a: " + "[" * DEEPEST + "]" * DEEPEST, encoding="utf-8")
    assert read_document(path)


def test_a_large_flat_file_is_read_in_bounded_time(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    path.write_text("".join(f"row {number}: DPSGD\n" for number in range(5000)), encoding="utf-8")
    assert len(read_document(path)[0]) == 5000


@pytest.mark.parametrize(
    ("labels", "given"),
    [
        (("caf\u00e9", "cafe\u0301"), "must be labelled differently (not in invisible characters"),
        (("undefended\u200b",), "must be labelled differently (not in invisible characters"),
        (("\u200b",), r"The 'label' of Row must be one line of visible text. Got '\u200b'."),
        (("a\nReport: here",), r"The 'label' of Row must be one line of visible text. Got 'a\nReport: here'."),
    ],
)
def test_labels_can_be_seen_and_told_apart(experiment: Experiment, labels: tuple[str, ...], given: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        replace(experiment, defenses=tuple(Row(label, (DPSGD(),)) for label in labels))
    assert given in str(caught.value)
