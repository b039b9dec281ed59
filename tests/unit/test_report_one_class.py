"""Where a metric changes because a model names one class more often, the report says so beside the change."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from amulet.core.spec import Plain
from amulet.experiments.results.numbers import Column, Value
from amulet.experiments.results.results import Results
from amulet.report.words.matrix.blocks import matrix_blocks
from amulet.report.words.matrix.headlines import headlines
from amulet.report.words.matrix.risk_cells import risk_cells
from amulet.report.words.matrix.verdict_sentences import judged_sentence
from amulet.report.words.vocabulary.formats import MINUS

ROBUST = Column("evasion", "PGD", "robust_accuracy", 0.0, 1.0, "low", True, 0.02, None)
BY_CLASS = replace(ROBUST, metric="balanced_robust_accuracy", primary=False)
FIDELITY = Column("unauthorized_model_ownership", "ModelExtraction", "fidelity", 0.0, 1.0, "high", True, 0.01, None)
ONE_CLASS = replace(FIDELITY, metric="majority_agreement", riskier=None, primary=False)
SPEC: Plain = {
    "amulet.experiments.planning.experiment.Experiment": {"attacks": [{"a.PGD": {}}, {"a.ModelExtraction": {}}]}
}
UP, MORE, DOWN = ([sign * (0.1 + 0.001 * seed) for seed in range(10)] for sign in (1, 1.5, -1))


def said(shifts: Mapping[Column, Sequence[float]]) -> str:
    """What the report says of a row whose metrics differ by so much from the undefended 0.5."""
    values = [
        Value(row, column.risk, column.probe, column.metric, seed, 0.5 + more, None, f"{row}{column.metric}{seed}")
        for column, shift in shifts.items()
        for row, differences in (("undefended", [0.0] * 10), ("D", shift))
        for seed, more in enumerate(differences)
    ]
    results = Results("e", "d", "c" * 64, SPEC, tuple(shifts), tuple(values), {})
    blocks = matrix_blocks(results)
    [found] = headlines(results, blocks)
    sentences = [judged_sentence(results, judged) for cell in risk_cells(results, blocks)[0] for judged in cell.counted]
    assert ("But" in found.text) == any("But" in sentence for sentence in sentences)
    return found.text.replace(MINUS, "-")


def test_robustness_that_is_none_with_each_class_counting_alike() -> None:
    assert said({ROBUST: UP, BY_CLASS: DOWN}) == (
        "Better: accuracy under attack 50 → 60. "
        "But with each class counting alike accuracy under attack falls, 50 → 40 points."
    )
    assert said({ROBUST: UP, BY_CLASS: UP}) == "Better: accuracy under attack 50 → 60."


def test_a_copy_agrees_more_since_the_model_names_one_class_more_often() -> None:
    assert said({FIDELITY: UP, ONE_CLASS: MORE}) == (
        "Agreement of a stolen copy rises, 50 → 60 points. "
        "But the agreement of a copy that always names one class rises as well, 50 → 66 points."
    )
    assert said({FIDELITY: MORE, ONE_CLASS: UP}) == "Agreement of a stolen copy rises, 50 → 66 points."
    assert said({FIDELITY: UP, ONE_CLASS: DOWN}) == "Agreement of a stolen copy rises, 50 → 60 points."
