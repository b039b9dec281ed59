"""The report as Markdown: for a pull request, a wiki, or to read as it is."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from amulet.core.text import visible
from amulet.experiments.planning.experiment import BASELINE
from amulet.experiments.results.numbers import MatrixCell
from amulet.experiments.results.results import Results
from amulet.literature import SOURCE
from amulet.report.words.factors import INTRODUCTION, factor_tables
from amulet.report.words.failed_tasks import failures_sentence
from amulet.report.words.group_rates import rate_table
from amulet.report.words.group_sizes import NOT_COUNTED, compares_groups, group_sizes
from amulet.report.words.literature import agreement_sentence, combination_sentence, literature_brief
from amulet.report.words.matrix.blocks import (
    MatrixBlock,
    MatrixLine,
    MatrixPart,
    matrix_blocks,
    primary_blocks,
    undefined_sentences,
)
from amulet.report.words.matrix.headlines import headlines, undefended_news
from amulet.report.words.verdicts.explanations import NOT_COVERED, how_verdicts
from amulet.report.words.verdicts.gates import gate_asked, gate_found, gates_of
from amulet.report.words.verdicts.no_skill import to_compare_with
from amulet.report.words.verdicts.releases import release_sentences
from amulet.report.words.verdicts.verdict_words import interval_text, verdict_words
from amulet.report.words.vocabulary.formats import number, p_value, setting, signed, spread
from amulet.report.words.vocabulary.names import riskier_end, spoken
from amulet.report.words.vocabulary.row_text import left_out_sentences, other_references, row_heading
from amulet.report.words.vocabulary.seed_counts import how_often, looks_sentence, plural_seeds, seeds_note
from amulet.report.words.vocabulary.spec_text import defenses, tampering
from amulet.statistics import Gate

_MARKUP: Final = re.compile(r"([\\`*\[\]<>|~$]|&(?=#?\w+;)|(?<!\w)_|_(?!\w)|^[#+>=-])")
"""Characters that Markdown, or GitHub's, could take for more than text; underscores within words it takes for text."""


_LIST_ITEM: Final = re.compile(r"^(\d{1,9})([.)])(?=\s|$)")
"""A number that Markdown would take for that of a list item."""


def render(results: Results, manifest: Mapping[str, Any]) -> str:
    """The whole text. The same results and manifest give the same bytes."""
    found = matrix_blocks(results)
    sections = (
        _opening(results),
        _short(results, found),
        _glance(results, found),
        _gates(results),
        _literature(results, found),
        _factors(results, found),
        _every(results, found),
        _origin(results, manifest),
    )
    return visible("\n".join(line for section in sections for line in section))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table whose columns also line up where nobody renders it."""
    lines = [[plain_text(text) for text in line] for line in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for at, line in enumerate(lines):
        yield "| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |"
        if at == 0:
            yield "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    yield ""


def plain_text(text: str) -> str:
    """Labels and settings are input: nothing in them is markup, and they stay on one line."""
    return _LIST_ITEM.sub(r"\1\\\2", _MARKUP.sub(r"\\\1", " ".join(text.split())))


def _opening(results: Results) -> Iterator[str]:
    yield f"# What each defense does to every risk: {plain_text(results.experiment)} on {plain_text(results.dataset)}"
    yield ""
    sentences = (f"Each model was trained and measured {how_often(results)}.", looks_sentence(results))
    yield " ".join(filter(None, (*sentences, other_references(results))))
    yield f"{how_verdicts(results)} {NOT_COVERED}"
    yield ""
    if results.failures:
        yield plain_text(failures_sentence(results))
        yield ""
    if results.left_out:
        yield plain_text(left_out_sentences(results))
        yield ""
    attacked = tampering(results)
    for row, applied in defenses(results).items():
        text = ", then ".join(map(str, applied)) or "no defense"
        text += f", training records tampered with by {attacked[row]}" if row in attacked else ""
        yield f"- {plain_text(row_heading(results, row))}: {plain_text(text)}"
    yield ""


def _short(results: Results, found: tuple[MatrixBlock, ...]) -> Iterator[str]:
    shorts = headlines(results, found)
    if shorts:
        yield "## In short"
        yield ""
        stands = " ".join(undefended_news(results, found))
        if stands:
            yield f"- **{BASELINE}**: {plain_text(stands)}"
        yield from (f"- **{plain_text(short.row)}**: {plain_text(short.text)}" for short in shorts)
        yield ""


def _glance(results: Results, found: tuple[MatrixBlock, ...]) -> Iterator[str]:
    yield "## At a glance"
    yield ""
    yield "The primary metric of each risk: the undefended mean, then the differences and verdicts."
    yield ""
    lines = [(block, part, line) for block in primary_blocks(found) for part in block.parts for line in part.lines]
    rows = [[_compared(results, block, part, line), *map(_brief, line.cells)] for block, part, line in lines]
    yield from table(["Risk and metric", *(row_heading(results, row) for row in results.rows)], rows)


def _gates(results: Results) -> Iterator[str]:
    yield "## What the verdicts rest on"
    yield ""
    for gate in results.gates:
        yield f"- **{gate_found(gate)}**: {plain_text(gate_asked(gate))}. {plain_text(gate.follows)}".rstrip()
    if not results.gates:
        yield "No validity check could be made: this requires the audit Utility and the primary metrics of each risk."
    yield from (f"- {plain_text(sentence)}" for sentence in release_sentences(results))
    yield ""


def _literature(results: Results, found: tuple[MatrixBlock, ...]) -> Iterator[str]:
    """The primary cells beside what is published of them."""
    if not results.published:
        return
    yield "## Beside the literature"
    yield ""
    yield f"{plain_text(agreement_sentence(results))} {plain_text(SOURCE)}."
    yield ""
    lines = [(block, part, line) for block in primary_blocks(found) for part in block.parts for line in part.lines]
    rows = [
        [_named(block, part, line), row_heading(results, cell.row), text]
        for block, part, line in lines
        for cell in line.cells
        if (text := literature_brief(results, cell))
    ]
    yield from table(["Risk and metric", "Row", "Literature"], rows)
    pairs = [sentence for row in results.rows if (sentence := combination_sentence(results, row))]
    yield from (f"- {plain_text(sentence)}" for sentence in pairs)
    yield from [""] if pairs else []


def _factors(results: Results, found: tuple[MatrixBlock, ...]) -> Iterator[str]:
    """The factors of each row, and how their changes go with those of the risks."""
    factors = factor_tables(results, found)
    if factors is None:
        return
    titles = [title for title, _ in factors.factors]
    yield "## Factors that may explain it"
    yield ""
    yield plain_text(INTRODUCTION)
    yield ""
    yield from (f"- **{plain_text(title)}**: {plain_text(sentence)}" for title, sentence in factors.factors)
    yield ""
    yield (
        f"The undefended mean ± the standard deviation over seeds; then differences with their 95% interval, each by "
        f"itself. {plain_text(factors.surveyed)}"
    ).rstrip()
    yield ""
    rows = [[heading, *(cell.text for cell in cells)] for heading, cells in factors.rows]
    yield from table(["Row", *titles], rows)
    yield from (f"- {plain_text(sentence)}" for sentence in factors.undefined)
    yield from [""] if factors.undefined else []
    for paragraph in factors.notes:
        yield plain_text(paragraph)
        yield ""
    if factors.lines:
        lines = [[name, *(cell.text for cell in cells)] for name, cells in factors.lines]
        yield from table(["Risk and metric", *titles], lines)
    yield from (f"- {plain_text(sentence)}" for sentence in factors.uncorrelated)
    yield from [""] if factors.uncorrelated else []


def _every(results: Results, found: tuple[MatrixBlock, ...]) -> Iterator[str]:
    yield "## Every metric, risk by risk"
    yield ""
    for block in found:
        for part in block.parts:
            for line in part.lines:
                kind = "primary" if line.column.primary else "exploratory"
                yield f"### {plain_text(_named(block, part, line))}"
                yield ""
                ends = filter(None, [riskier_end(line.column), kind, to_compare_with(results, line.column)])
                yield f"{line.words.sentence} {plain_text('; '.join(ends))}.".strip()
                yield ""
                head = ["Row", "Mean", "Difference", "Interval", "Verdict", "p", "Seeds", "Rests on"]
                yield from table(head, [_detailed(results, cell) for cell in line.cells])
            yield from _rates(results, part)
        yield from (f"- {plain_text(sentence)}" for sentence in undefined_sentences(block))
        yield ""


def _rates(results: Results, part: MatrixPart) -> Iterator[str]:
    """The rates of the groups that a gap compares; their sizes alone in results of older versions."""
    found = rate_table(results, part.lines[0].column)
    if found is None:
        yield from _sizes(results, part)
        return
    yield plain_text(" ".join((f"{found.caption}.", *found.notes)))
    yield ""
    lines = []
    for row, groups, gaps in found.rows:
        for group in groups:
            cells = (f"{cell.value} ({cell.interval}), {cell.counts}" for cell in group.cells)
            lines.append([row, group.group, *cells])
        lines.append([row, "largest gap", *gaps])
    yield from table(["Row", "Group", *found.rates], lines)


def _sizes(results: Results, part: MatrixPart) -> Iterator[str]:
    """Whom a gap between groups compares."""
    groups = group_sizes(results, part.lines[0].column)
    if groups:
        yield plain_text(f"{groups.caption}. {groups.sentence}")
        yield ""
        yield from table(groups.head, groups.rows)
    elif compares_groups(part.lines[0].column) and not results.tested.classes:
        yield NOT_COUNTED
        yield ""


def _origin(results: Results, manifest: Mapping[str, Any]) -> Iterator[str]:
    yield "## Where the numbers come from"
    yield ""
    yield f"- Data set: {plain_text(results.dataset)}, content {plain_text(results.content)}"
    for name, value in manifest.items():
        if isinstance(value, Mapping):
            text = ", ".join(f"{key} {setting(item)}" for key, item in value.items())
        else:
            text = "none" if value is None else setting(value)
        yield f"- {plain_text(spoken(name))}: {plain_text(text)}"
    yield ""
    yield "Every value of every seed, with the digest of the task that gave it, is in `results.json` beside this file."
    yield ""


def _compared(results: Results, block: MatrixBlock, part: MatrixPart, line: MatrixLine) -> str:
    """The metric and what it comes to without learning."""
    base = to_compare_with(results, line.column)
    return _named(block, part, line) + (f", {base}" if base else "")


def _named(block: MatrixBlock, part: MatrixPart, line: MatrixLine) -> str:
    return f"{block.words.title}: {line.words.title}" + ("" if part.obvious else f" of {part.brief}")


def _brief(cell: MatrixCell) -> str:
    verdict = verdict_words(cell)
    if cell.summary is None:
        return cell.valueless
    if verdict is None or cell.difference is None:
        return number(cell.summary.mean)
    return f"{signed(cell.difference.mean)} {verdict.sign} {verdict.words}"


def _detailed(results: Results, cell: MatrixCell) -> list[str]:
    verdict = verdict_words(cell)
    mean, shift = cell.summary, cell.difference
    return [
        row_heading(results, cell.row),
        f"{number(mean.mean)} {spread(mean)}".strip() if mean else cell.valueless,
        f"{signed(shift.mean)} {spread(shift)}".strip() if shift else "",
        interval_text(cell.verdict) if cell.verdict else "",
        ", ".join(filter(None, [verdict.words, verdict.because])) if verdict else "",
        p_value(cell.verdict.p) if cell.verdict and cell.verdict.p is not None else "",
        seeds_note(results, cell) or plural_seeds(len(results.of(cell.row, cell.column))),
        _rests(results, cell),
    ]


def _rests(results: Results, cell: MatrixCell) -> str:
    """The checks that have not passed, else that all have."""
    gates = gates_of(results, cell)
    doubts = [f"{gate.name} {gate.state}" for gate in gates if gate.state is not Gate.PASSED]
    return ", ".join(doubts) or ("all passed" if gates else "")
