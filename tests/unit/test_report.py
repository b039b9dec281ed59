"""The report: what it says of each number, that input is text, and that it needs no network."""

import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from html import unescape
from pathlib import Path

import pytest
from rich.console import Console

from amulet.core.errors import Unwritable
from amulet.core.measurements.tally import Tally
from amulet.core.metric import Metric
from amulet.core.probe import Probe
from amulet.core.spec import Plain
from amulet.experiments.graph.entries import environment
from amulet.experiments.registry.plugins import Kind, Plugin, metrics_for, plugins
from amulet.experiments.results.numbers import Column, MatrixCell, Value
from amulet.experiments.results.results import Results
from amulet.report import write
from amulet.report.charts.trade_offs import comparable_mean
from amulet.report.pages import matrix_markdown
from amulet.report.pages.matrix_page import render
from amulet.report.pages.matrix_terminal import matrix_table
from amulet.report.words.matrix.blocks import matrix_blocks, primary_blocks
from amulet.report.words.matrix.risk_cells import risk_cells
from amulet.report.words.matrix.verdict_sentences import judged_sentence
from amulet.report.words.verdicts.explanations import HOW_VERDICTS
from amulet.report.words.verdicts.no_skill import no_skill_text
from amulet.report.words.verdicts.readings import LEANING_RULE
from amulet.report.words.verdicts.verdict_words import Tone, verdict_words
from amulet.report.words.vocabulary import names
from amulet.report.words.vocabulary.names import Words, metric_words, risk_rank, risk_words, riskier_end
from amulet.report.words.vocabulary.row_text import row_heading
from amulet.report.words.vocabulary.spec_text import Named, named, probes
from amulet.statistics import Verdict, Word
from amulet.utility import PredictionOutcome

LOW, HIGH, NEITHER = (0.0, 1.0, "low"), (0.0, 1.0, "high"), (0.0, 1.0, None)
PRIMARY, OTHER = (True, 0.02, None), (False, 0.02, None)
ROBUST = Column("evasion", "PGD(epsilon=0.1)", "robust_accuracy", *LOW, *PRIMARY)
RACE = Column("discriminatory_behavior", "Discrimination(attribute=race)", "demographic_parity", *HIGH, *PRIMARY)
SEX = replace(RACE, probe="Discrimination")
TPR = Column("membership_inference", "LossThreshold", "TPRAtFPR(fpr=0.05)", *HIGH, *OTHER)
ACCURACY = Column("utility", "Utility", "accuracy", *NEITHER, *PRIMARY)
LABEL = "<script>alert('dp')</script> [red]"
REASON = "fewer than 10 of 20 non-members would be accused"


@pytest.fixture(scope="module")
def results() -> Results:
    """Two seeds of a baseline and one defended row, whose label is markup, and a metric without a value."""
    return Results(
        experiment="small",
        dataset="applications",
        content="c" * 64,
        spec=_spec(LABEL),
        columns=(ROBUST, RACE, SEX, TPR, ACCURACY),
        values=tuple(_values(LABEL)),
        facts={
            "undefended": {
                "0": {"records": 100, "train_accuracy": 0.9},
                "1": {"records": 100, "train_accuracy": 1.0},
            },
            LABEL: {"0": {"epsilon": 7.991015, "records": 100}, "1": {"epsilon": 7.991015, "records": 100}},
        },
    )


@pytest.fixture(scope="module")
def whole(results: Results) -> str:
    """The report of these results."""
    return render(results, {**environment(), "gpu": None})


@pytest.fixture(scope="module")
def page(whole: str) -> str:
    """The report without its scripts: what everyone sees."""
    return re.sub(r"<script .*?</script>", "", whole, flags=re.DOTALL)


def test_a_spec_is_its_class_with_all_settings_nested_ones_too() -> None:
    plain: Plain = {"a.B": {"model": {"a.Net": {"hidden": [8]}}, "step_size": 0.1, "lot": None}}
    assert str(named(plain)) == "B (model Net (hidden [8]), step size 0.1, lot not given)"
    assert str(named(plain).given) == "B (model Net (hidden [8]), step size 0.1)"
    assert named("Mortgages") == Named("Mortgages")
    assert str(named({"a.PGD": {"epsilon": 0.1, "frozen": []}})) == "PGD (epsilon 0.1)"


def test_probes_are_told_apart_by_settings_that_their_labels_leave_out(results: Results) -> None:
    assert probes(results)["Discrimination"] == Named("Discrimination", (("attribute", "sex"),))
    briefs = {str(part.brief) for block in matrix_blocks(results) for part in block.parts}
    assert briefs >= {
        "Discrimination (attribute race)",
        "Discrimination (attribute sex)",
        "PGD (epsilon 0.1)",
    }


def test_without_a_spec_labels_are_all_there_is(results: Results) -> None:
    briefs = {str(part.brief) for block in matrix_blocks(replace(results, spec=None)) for part in block.parts}
    assert briefs >= {"Discrimination(attribute=race)", "Discrimination", "PGD(epsilon=0.1)"}
    assert "applications" in render(replace(results, spec=None), {})


def test_risks_come_in_one_order_and_unknown_ones_last(results: Results) -> None:
    found = matrix_blocks(replace(results, columns=(replace(SEX, risk="prompt_injection"), *results.columns)))
    titles = [block.words.title for block in found]
    assert titles == [
        "Utility",
        "S1 Evasion",
        "P1 Membership inference",
        "F Discriminatory behavior",
        "Prompt injection",
    ]


def test_only_primary_metrics_stand_at_a_glance(results: Results) -> None:
    lines = [line for block in primary_blocks(matrix_blocks(results)) for part in block.parts for line in part.lines]
    assert [line.column for line in lines] == [ACCURACY, ROBUST, RACE, SEX]


def test_every_metric_of_amulet_states_its_title_and_meaning() -> None:
    metrics = [plugin.spec for plugin in plugins() if issubclass(plugin.spec, Metric)]
    assert [
        spec for spec in metrics if spec.__module__.startswith("amulet.") and not (spec.title and spec.meaning)
    ] == []


def test_a_metric_without_words_goes_by_its_name_and_docstring(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True)
    class WorstLoss(Metric[PredictionOutcome]):
        """The largest loss
        of any record. In nats.
        """

        low, high, riskier = 0.0, 9.0, "high"

        def measure(self, outcome: PredictionOutcome) -> float:
            return float(len(outcome))

    found = [Plugin("worst_loss", "somewhere.else", WorstLoss)]
    monkeypatch.setattr(names, "plugins", lambda: found)
    column = replace(ACCURACY, metric="worst_loss")
    names._metric.cache_clear()
    assert metric_words(column) == Words("Worst loss", "The largest loss of any record.")
    found.clear()
    names._metric.cache_clear()
    assert metric_words(column) == Words("Worst loss", "")
    monkeypatch.undo()
    names._metric.cache_clear()


def test_rows_name_the_row_that_they_are_compared_with_and_what_tampered_with_them() -> None:
    numbers, about = {"undefended": 0.5, "first": 0.6, "both": 0.8}, (ROBUST.risk, ROBUST.probe, ROBUST.metric)
    values = [
        Value(row, *about, seed, value, None, f"{row}{seed}") for row, value in numbers.items() for seed in (0, 1)
    ]
    attack: Plain = {"a.BadNets": {"fraction": 0.1}}
    rows: list[Plain] = [{"a.Row": {"label": "first", "defenses": [], "attacked": attack}}]
    spec: Plain = {"a.Experiment": {"defenses": rows}}
    found = Results("e", "d", "c", spec, (ROBUST,), tuple(values), {}, against={"both": "first"})
    assert [row_heading(found, row) for row in found.rows] == ["undefended", "first", "both (against first)"]
    both = risk_cells(found, matrix_blocks(found))[1][0].counted[0]
    assert "goes from 60 to 80 points with both, compared with first" in judged_sentence(found, both)
    assert comparable_mean(found, found.cell("both", ROBUST)) == pytest.approx(0.8)
    assert '"references":[0,0,1]' in render(found, {})
    for text in (render(found, {}), matrix_markdown.render(found, {}), _printed(found, 200)):
        assert "both (against" in text
        assert "A row whose heading names another row is compared with that row." in " ".join(text.split())
    assert "training records tampered with by BadNets (fraction 0.1)" in matrix_markdown.render(found, {})
    assert "training records tampered with by" in render(found, {})


def test_columns_of_one_group_say_which() -> None:
    column = replace(ACCURACY, group="sex=female", primary=False)
    assert metric_words(column).title == "Accuracy (sex = female)"
    tested = Tally({"no": 90, "yes": 10}, {"sex": {"female": {"no": 3, "yes": 9}, "male": {"no": 87, "yes": 1}}})
    assert no_skill_text(tested, column) == "always naming “yes”: 0.750"
    assert no_skill_text(tested, ACCURACY) == "always naming “no”: 0.900"
    assert no_skill_text(tested, replace(column, group="sex=other")) == ""


def test_every_metric_and_risk_of_amulet_has_words() -> None:
    columns = list(_columns())
    assert columns
    assert not [str(column) for column in columns if not metric_words(column).sentence]
    assert not [column.risk for column in columns if not risk_words(column.risk).sentence]
    assert risk_rank("of_somebody_else") > max(risk_rank(column.risk) for column in columns)


def test_metrics_are_named_with_their_parameters() -> None:
    assert metric_words(TPR).title == "TPR at FPR 0.05"
    assert metric_words(replace(TPR, metric="OfMine(k=3)")).title == "OfMine(k=3)"
    assert [riskier_end(column) for column in (TPR, ROBUST, ACCURACY)] == [
        "↑ higher is riskier",
        "↓ lower is riskier",
        "\N{EN DASH} not itself a risk",
    ]


def test_the_terminal_shows_means_differences_and_reasons(results: Results) -> None:
    shown = _printed(results, 80)
    assert "Robust accuracy" in shown
    assert "0.550 ± 0.071" in shown
    assert "+0.150 ± 0.071" in shown
    assert "↓ lower is riskier" in shown
    assert "inconclusive" in shown
    assert "TPR at FPR" not in shown  # not primary: it is in the report
    assert HOW_VERDICTS in " ".join(shown.split())


@pytest.mark.parametrize("width", [60, 80, 110])
def test_the_terminal_keeps_its_width_whatever_the_number_of_defenses(results: Results, width: int) -> None:
    labels = ["outlier removal", "DP-SGD", "x" * 40, "early stopping", "pruning"]
    more = [replace(value, row=label) for label in labels for value in results.values if value.row == LABEL]
    shown = _printed(replace(results, values=(*results.values, *more)), width)
    assert max(len(line) for line in shown.splitlines()) <= width
    assert all(label in shown.replace("\n", "") for label in ("DP-SGD", "pruning"))


def test_labels_are_text_and_never_markup(results: Results, page: str) -> None:
    assert "<script" not in page
    assert LABEL in unescape(page)
    assert "[red]" in _printed(results, 110)


def test_the_page_asks_nothing_of_the_network(page: str) -> None:
    links = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert not [link for link in links if not link.startswith(("#", "data:,", "data:text/csv"))]
    assert not re.findall(r"url\(|@import|https?://|//[a-z]", page)
    assert "default-src 'none'" in page


def test_the_page_is_small_and_always_the_same(results: Results, whole: str, page: str) -> None:
    assert len(page.encode()) < 130_000
    assert len(whole.encode()) < 1_200_000
    assert whole == render(results, {**environment(), "gpu": None})


def test_only_the_pages_own_script_may_run(whole: str) -> None:
    [text] = re.findall(r'<script type="module">(.*?)</script>', whole, flags=re.DOTALL)
    digest = b64encode(sha256(text.encode()).digest()).decode()
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]*)"', whole)
    assert f"script-src 'sha256-{digest}'" in unescape(policy)
    assert "unsafe-eval" not in policy
    assert len(re.findall("<script", whole)) == 2


def test_the_page_is_made_for_screen_readers(page: str) -> None:
    assert '<html lang="en">' in page
    assert page.count("<table") == page.count("<caption")
    assert all(page.count(f"<{landmark}") == 1 for landmark in ("main", "header", "footer", "aside"))
    assert not re.findall(r"<th(?![^>]*scope=)[ >]", page)
    headings = re.findall(r"<h(\d)", page)
    assert headings[0] == "1"
    assert headings.count("1") == 1
    ids = re.findall(r' id="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="#|labelledby=")([^"]+)"', page)) <= set(ids)


def test_the_page_says_where_numbers_come_from(page: str) -> None:
    text = " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())
    assert "c" * 64 in text
    assert f"python {environment()['python']}".capitalize() in text
    assert "GPU none" in text
    assert "7.991" in text
    assert "0.950 ± 0.071" in text
    assert f"undefended, {LABEL}: {REASON}." not in text
    assert f"TPR at FPR 0.05 of LossThreshold, {LABEL}: {REASON}." in text


def test_the_page_says_how_sure_its_verdicts_are(page: str) -> None:
    assert HOW_VERDICTS in unescape(page)
    assert LEANING_RULE in unescape(page)
    assert "unclear" in page


@pytest.mark.parametrize(
    ("word", "riskier", "words", "tone"),
    [
        (Word.INCREASES, "high", "risk increases", Tone.WORSE),
        (Word.INCREASES, "low", "risk decreases", Tone.BETTER),
        (Word.DECREASES, "low", "risk increases", Tone.WORSE),
        (Word.DECREASES, None, "decreases", Tone.WORSE),
        (Word.NO_CHANGE, "high", "no meaningful change", Tone.SAME),
        (Word.NO_LEAK, "high", "no leak shown in either", Tone.SAME),
        (Word.INCONCLUSIVE, "high", "inconclusive", Tone.OPEN),
        (Word.UNCHANGED, "high", "unchanged by construction", Tone.SAME),
    ],
)
def test_a_verdict_speaks_of_the_risk(word: Word, riskier: str | None, words: str, tone: Tone) -> None:
    column = replace(RACE, riskier=riskier)
    shown = verdict_words(MatrixCell("row", column, None, None, Verdict(word, None, None, None, 0.02), ()))
    assert shown is not None
    assert (shown.words, shown.tone) == (words, tone)


def test_one_seed_and_no_defense_are_enough(results: Results) -> None:
    alone = tuple(value for value in results.values if value.row == "undefended" and value.seed == 0)
    page = render(replace(results, values=alone), {})
    assert "1 time (seed 0)" in page
    assert "difference </span>" not in page
    assert "0.500" in _printed(replace(results, values=alone), 80)


def test_write_replaces_the_report_and_puts_the_results_beside_it(results: Results, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "small"
    place = write(results, {}, folder)
    assert place == write(results, environment(), folder) == folder / "report.html"
    assert place.read_text(encoding="utf-8") == render(results, environment())
    names = ["manifest.json", "report.html", "report.md", "results.json"]
    assert sorted(each.name for each in folder.iterdir()) == names
    assert Results.read(folder) == results


def test_a_failed_write_leaves_the_old_report(
    results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = write(results, {}, tmp_path)
    before = place.read_text(encoding="utf-8")
    monkeypatch.setattr(Path, "write_text", _full)
    with pytest.raises(Unwritable, match="No space"):
        write(replace(results, dataset="another"), {}, tmp_path)
    assert place.read_text(encoding="utf-8") == before
    assert Results.read(tmp_path) == results


def _full(place: Path, *_: str, **__: str) -> None:
    raise OSError(28, "No space left on device", str(place))


def test_text_that_no_file_can_hold_is_written_as_escapes(results: Results, tmp_path: Path) -> None:
    place = write(replace(results, dataset="\ud800"), {}, str(tmp_path))
    assert "\\ud800" in place.read_text(encoding="utf-8")


def _printed(results: Results, width: int) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(matrix_table(results, width))
    return capture.get()


def _values(label: str) -> Iterator[Value]:
    numbers: dict[Column, dict[str, tuple[float | None, ...]]] = {
        ROBUST: {"undefended": (0.5, 0.6), label: (0.6, 0.8)},
        RACE: {"undefended": (0.1, 0.1), label: (0.2, 0.1)},
        SEX: {"undefended": (0.1, 0.2), label: (0.1, 0.1)},
        TPR: {"undefended": (0.3, 0.2), label: (None, None)},
        ACCURACY: {"undefended": (0.9, 0.9), label: (0.901, 0.901)},
    }
    for place, (column, rows) in enumerate(numbers.items()):
        for row, values in rows.items():
            for seed, value in enumerate(values):
                reason = REASON if value is None else None
                task = f"d{place}e{seed}{'a' if row == label else 'b'}".ljust(64, "f")
                yield Value(row, column.risk, column.probe, column.metric, seed, value, reason, task)


def _spec(label: str) -> Plain:
    noise: Plain = {"amulet.training.dpsgd.DPSGD": {"epsilon": 8.0, "lot_size": None}}
    return {
        "amulet.experiments.planning.experiment.Experiment": {
            "name": "small",
            "dataset": {"amulet.datasets.own.Own": {"seed": 0}},
            "defenses": [{"amulet.experiments.planning.experiment.Row": {"label": label, "defenses": [noise]}}],
            "attacks": [
                {"amulet.evasion.attacks.pgd.PGD": {"epsilon": 0.1, "steps": 20}},
                {"amulet.membership_inference.attacks.loss_threshold.LossThreshold": {}},
            ],
            "audits": [
                {"amulet.utility.outcome.Utility": {}},
                {"amulet.discriminatory_behavior.outcome.Discrimination": {"attribute": "race"}},
                {"amulet.discriminatory_behavior.outcome.Discrimination": {"attribute": "sex"}},
            ],
        }
    }


def _columns() -> Iterator[Column]:
    """Every metric of Amulet under every attack and audit of Amulet."""
    for plugin in plugins():
        if plugin.kind in (Kind.ATTACK, Kind.AUDIT) and plugin.home.startswith("amulet."):
            probe = plugin.spec()
            assert isinstance(probe, Probe)
            for metric in metrics_for(probe, ()):
                assert isinstance(metric, Metric)
                bounds = (metric.low, metric.high, metric.riskier)
                judged = (metric.primary, metric.margin, metric.chance)
                yield Column(probe.risk, str(probe), str(metric), *bounds, *judged)


@pytest.mark.parametrize(
    ("text", "written"),
    [("0.500 \u00b1 0.1", "0.500 \u00b1 0.1"), ("1. a", r"1\. a"), ("12) a", r"12\) a"), ("-1", r"\-1")],
)
def test_a_decimal_number_in_markdown_begins_no_list(text: str, written: str) -> None:
    assert matrix_markdown.plain_text(text) == written


def test_where_nothing_leaks_an_attack_succeeds_or_does_not() -> None:
    verdict = Verdict(Word.NO_LEAK, None, None, None, 0.02)
    shown = verdict_words(MatrixCell("row", replace(RACE, risk="evasion", riskier="low"), None, None, verdict, ()))
    assert shown is not None
    assert shown.words == "no success shown in either"
    assert shown.because == "on neither model is the attack shown to do better than without the model"
