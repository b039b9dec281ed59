"""What a report says of claims of ownership: shares in a sentence, reasons beside cells, short names."""

from dataclasses import replace

import pytest

from amulet.core.spec import Plain
from amulet.experiments.results.numbers import Column, Value
from amulet.experiments.results.results import Results
from amulet.report.charts.trade_offs import axis_ends
from amulet.report.words.claims import claim_sentences
from amulet.report.words.matrix.blocks import matrix_blocks
from amulet.report.words.matrix.headlines import headlines
from amulet.report.words.vocabulary.spec_text import Named, brief

AUDIT = "Ownership(by=WatermarkClaim)"
ACCURACY = Column("unauthorized_model_ownership", AUDIT, "claim_accuracy", 0.0, 1.0, "low", True, 0.02, None)
COPY, PRUNED, OTHERS = (
    replace(ACCURACY, metric=metric, primary=False)
    for metric in ("ClaimRate(suspects=copy)", "ClaimRate(suspects=Pruning 2)", "FalseClaimRate(suspects=independent)")
)
RATES = {ACCURACY: (0.8, 0.8, 0.7), COPY: (1.0, 1.0, 1.0), PRUNED: (1.0, 0.0, 0.0), OTHERS: (0.0, 0.25, 0.0)}
SPEC: Plain = {"a.Experiment": {"audits": [{"a.Ownership": {"by": {"a.WatermarkClaim": {}}, "level": 0.01}}]}}
NO_KEY = "the model has no watermark"


@pytest.fixture
def results() -> Results:
    """A watermark, and the same with a further defense; the undefended model cannot be claimed."""
    values = [
        Value(row, each.risk, each.probe, each.metric, seed, value, None if marked else NO_KEY, row)
        for row, marked in (("undefended", False), ("mark", True), ("mark and more", True))
        for each, numbers in RATES.items()
        for seed, value in enumerate(numbers if marked else (None,) * 3)
    ]
    return Results(
        "e", "d", "c" * 64, SPEC, tuple(RATES), tuple(values), {},
        own_claims={"mark": (AUDIT,)}, against={"mark and more": "mark"},
    )  # fmt: skip


def test_what_the_owner_can_claim_is_said_first(results: Results) -> None:
    sentence = (
        "Ownership is claimed of stolen models in these shares: copy 100%, Pruning 2 33%; "
        "falsely of models of others: independent 8%."
    )
    assert list(claim_sentences(results, "mark")) == [sentence]
    found = headlines(results, matrix_blocks(results))
    assert all(sentence in short.text for short in found), "also of a row that adds a defense to the watermark"
    assert not list(claim_sentences(replace(results, own_claims={}), "mark"))


def test_a_cell_without_a_verdict_says_which_row_lacks_values_and_why(results: Results) -> None:
    verdict = results.verdicts["mark", ACCURACY]
    assert verdict.reason == f"fewer than two seeds have both values; undefended: {NO_KEY}"


def test_of_a_nested_claim_only_what_was_set_is_shown() -> None:
    label = "Ownership(by=DatasetInference(records=80), level=0.05)"
    by = "DatasetInference (records 80, walk gradient, steps 20)"
    full = Named("Ownership", (("by", by), ("records", "7"), ("level", "0.05")))
    assert str(brief(label, {label: full})) == "Ownership (by DatasetInference (records 80), level 0.05)"
    plain = "Ownership(by=DatasetInference)"
    assert str(brief(plain, {plain: full})) == "Ownership (by DatasetInference)"


def test_an_axis_of_equal_values_lies_around_them_within_the_metric_s_range() -> None:
    assert axis_ends(ACCURACY, [0.8, 0.8]) == pytest.approx((0.75, 0.85))
    assert axis_ends(ACCURACY, [1.0, 1.0]) == pytest.approx((0.95, 1.0))
    assert axis_ends(ACCURACY, [0.8, 0.9]) is None
