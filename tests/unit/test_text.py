"""Text from outside is only text, wherever it is shown: terminal, page, Markdown, notebook, messages."""

import logging
import re
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from rich.table import Table

from amulet.core.errors import InvalidParameter, Problem
from amulet.core.measurements.tally import Tally
from amulet.core.text import visible, visible_within
from amulet.experiments.pairs.results import ModelFacts, PairCell, PairResults
from amulet.experiments.results.numbers import Column, Value
from amulet.experiments.results.results import Results
from amulet.report.console import Told, open_console
from amulet.report.pages import matrix_markdown, matrix_page
from amulet.report.pages.matrix_terminal import matrix_table
from amulet.report.pages.pair_page import render_pair
from amulet.report.pages.pair_terminal import pair_table
from amulet.statistics import Verdict, Word

HOSTILE = (
    "\x1b]0;title\x07\x1b[31m[red]<img src=x onerror=alert(1)>|`a`_b_ &lt; ![x](y)\u202e\u200b\x9b\r\ud800 $1$ ~~s~~"
)
HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ± 日本 é", "plain ± 日本 é"),
        ("line\nand\ttab", "line\nand\ttab"),
        ("\x1b[31m", r"\x1b[31m"),
        ("\r\x00\x7f\x9b", r"\r\x00\x7f\x9b".replace(r"\r", r"\x0d")),
        ("\u202eabc\u2066", r"\u202eabc\u2066"),
        ("a\u200bb\ufeff\u2060", r"a\u200bb\ufeff\u2060"),
        ("\ud800", r"\ud800"),
        ("\U000e0041", r"\U000e0041"),
        ("\u3164\u2028", r"\u3164\u2028"),
    ],
)
def test_what_has_no_glyph_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert visible_within({text: [text, 1, None]}) == {shown: [shown, 1, None]}


@pytest.fixture(scope="module")
def results() -> Results:
    """Hostile text wherever a user, a data set or a tampered file can put some."""
    column = Column("utility" + HOSTILE, f"Probe{HOSTILE}", f"metric{HOSTILE}", 0, 1, "high", True, 0.02, None)
    rows, column_name = ("undefended", f"row{HOSTILE}"), (column.risk, column.probe, column.metric)
    values = [
        Value(row, *column_name, seed, None if seed == 3 else 0.5, HOSTILE if seed == 3 else None, HOSTILE)
        for row in rows
        for seed in range(4)
    ]  # fmt: skip
    counts = {f"class{HOSTILE}": 5}
    spec: Any = {f"x.Experiment{HOSTILE}": {
        "attacks": [{f"x.Probe{HOSTILE}": {HOSTILE: HOSTILE}}],
        "defenses": [{"x.Row": {"label": rows[1], "defenses": [{f"x.D{HOSTILE}": {"a": HOSTILE}}]}}],
    }}  # fmt: skip
    return Results(
        experiment=f"experiment{HOSTILE}", dataset=f"data{HOSTILE}", content=HOSTILE, spec=spec, columns=(column,),
        values=tuple(values), facts={row: {"0": {HOSTILE: HOSTILE}} for row in rows}, own_risks={rows[1]: (HOSTILE,)},
        tested=Tally(counts, {f"attribute{HOSTILE}": {f"group{HOSTILE}": counts}}),
    )  # fmt: skip


@pytest.fixture(scope="module")
def pair(results: Results) -> PairResults:
    facts = ModelFacts(f"Net{HOSTILE}", HOSTILE, 1, HOSTILE)
    verdict = Verdict(Word.UNDEFINED, None, None, None, 0.02, reason=HOSTILE)
    cell = PairCell(results.columns[0], 5, None, 0.5, (HOSTILE,), 10, 0, verdict)
    records = {"members": 1, "others": 1, "test": 1}
    return PairResults(HOSTILE, HOSTILE, HOSTILE, results.spec, (facts, facts), records, 10, (cell,), results.tested)


MANIFEST = {HOSTILE: {HOSTILE: HOSTILE}, "packages": {"amulet": HOSTILE}, "list": [HOSTILE]}


def without_scripts(page: str) -> str:
    return re.sub(r'<script type="module">.*?</script>', "", page, flags=re.DOTALL)


def test_pages_hold_hostile_text_as_text(results: Results, pair: PairResults) -> None:
    for page in (matrix_page.render(results, MANIFEST), render_pair(pair, MANIFEST)):
        seen = without_scripts(page)
        assert not HIDDEN.search(unescape(seen))
        assert "<img" not in seen
        assert r"\x1b[31m[red]" in seen
        page.encode()


def test_markdown_holds_hostile_text_as_text(results: Results) -> None:
    text = matrix_markdown.render(results, MANIFEST)
    assert not HIDDEN.search(text)
    for markup in ("<", ">", "`", "[", "]", "|", "~", "$"):
        inside = text.replace(" | ", "").replace("| ", "").replace(" |", "").replace("`results.json`", "")
        for line in inside.splitlines():
            if "onerror" in line and not line.startswith("|-"):
                assert re.search(rf"(?<!\\){re.escape(markup)}", line.replace("\\\\", "")) is None, (markup, line)
    assert "&lt;" not in text.replace("\\&lt;", "")


def test_terminals_are_not_commanded(results: Results, pair: PairResults, capsys: pytest.CaptureFixture[str]) -> None:
    console = open_console()
    console.print(matrix_table(results, None))
    console.print(pair_table(pair))
    console.print(f"[bold]{HOSTILE} :smile:")
    table = Table(title=HOSTILE)
    table.add_column(HOSTILE)
    table.add_row(HOSTILE)
    console.print(table)
    Told(open_console(errors=True)).emit(logging.LogRecord("x", logging.WARNING, "", 0, HOSTILE, (), None))
    text = "".join(capsys.readouterr())
    assert not HIDDEN.search(text)
    assert "[bold]" in text
    assert ":smile:" in text
    assert text.count("[red]<img") >= 6
    assert "Warning: \\x1b]0;title" in text


def test_nothing_wraps_in_a_pipe(
    results: Results, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    label = "a label of many words " * 20
    named = replace(
        results, values=tuple(replace(v, row=label) if v.row != "undefended" else v for v in results.values)
    )
    console = open_console()
    console.print(matrix_table(named, None))
    console.print("word " * 200)
    lines = capsys.readouterr().out.splitlines()
    assert any(label.strip() in line for line in lines)
    assert lines[-1].split() == ["word"] * 200
    assert all(len(line) < 3000 for line in lines)


def test_notebooks_and_messages_hold_hostile_text_as_text(results: Results) -> None:
    assert "<img" not in results._repr_html_()
    assert not HIDDEN.search(results._repr_html_())
    error = InvalidParameter([Problem("x", f"Row '{HOSTILE}' is wrong."), Problem.of("y", HOSTILE, "a", HOSTILE)])
    assert not HIDDEN.search(str(error))
    assert error.problems[0].sentence == f"Row '{HOSTILE}' is wrong."
