"""What is published of defenses and risks, what the guideline predicts, and how verdicts agree with both."""

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from amulet.core.errors import ProblemsError
from amulet.core.trainable import Defense
from amulet.experiments.registry.plugins import plugins
from amulet.experiments.results.numbers import Column, Value
from amulet.experiments.results.results import Results
from amulet.literature import (
    DEFENSES,
    FACTORS,
    RISKS,
    Direction,
    Strength,
    agreement,
    combinations,
    interaction,
    interactions,
    predict,
)
from amulet.literature.combinations import combinations_of
from amulet.models import LinearNet
from amulet.report.pages import matrix_markdown
from amulet.report.words.literature import (
    agreement_sentence,
    combination_sentence,
    literature_sentences,
    outcome,
    studies,
)
from amulet.training import Recipe

ROOT, OWN = Path(__file__).parents[2], "amulet."
UP, DOWN = Direction.INCREASES, Direction.DECREASES
ROBUST = Column("evasion", "PGD", "robust_accuracy", 0.0, 1.0, "low", True, 0.02, None)
LIRA = Column("membership_inference", "LiRA", "auc", 0.0, 1.0, "high", True, 0.02, 0.5)
GAP = Column("discriminatory_behavior", "Discrimination", "demographic_parity", 0.0, 1.0, "high", True, 0.02, None)
ACCURACY = Column("utility", "Utility", "accuracy", 0.0, 1.0, None, True, 0.02, None)
NOISE = (0.0, 0.001, -0.001, 0.0005, 0.0) * 2


def assessed(shifts: dict[Column, float | None], *families: str) -> Results:
    """A row "D" whose metrics differ from the undefended 0.5 by these shifts; None leaves a cell undecided."""
    values = [
        Value(row, column.risk, column.probe, column.metric, seed, 0.5 + more, None, f"{row}{at}{seed}")
        for at, (column, shift) in enumerate(shifts.items())
        for row in ("undefended", "D")
        for seed, noise in enumerate(NOISE)
        for more in [0.0 if row == "undefended" else noise + shift if shift is not None else 100 * noise]
    ]
    return Results("e", "d", "c", {}, tuple(shifts), tuple(values), {}, families={"D": families})


def test_the_survey_has_56_interactions_of_seven_defenses_and_eight_risks() -> None:
    assert (len(interactions()), len(DEFENSES), len(RISKS), len(FACTORS)) == (56, 7, 8, 10)
    assert Counter(each.published for each in interactions()) == {UP: 31, DOWN: 11, None: 14}
    assert Counter(each.prediction.strength for each in interactions()) == {
        Strength.UNANIMOUS: 36,
        Strength.DOMINANT: 5,
        Strength.AMBIGUOUS: 3,
        Strength.NONE: 12,
    }
    assert sum(bool(each.otherwise) for each in interactions()) == 6


def test_the_guideline_predicts_the_published_directions_as_often_as_the_survey_counts() -> None:
    found = agreement(
        (each.published, each.prediction.direction)
        for each in interactions()
        if each.published and each.prediction.direction
    )
    assert (found.increases, found.decreases) == ((21, 25), (7, 9))


@pytest.mark.parametrize(
    ("defense", "risk", "direction", "strength"),
    [
        ({"D2": "+"}, {"D2": "+"}, UP, Strength.UNANIMOUS),
        ({"D2": "-"}, {"D2": "+", "M1": "+"}, DOWN, Strength.UNANIMOUS),
        ({"D2": "-", "O2.1": "+"}, {"D2": "+", "O2.1": "+"}, UP, Strength.DOMINANT),
        ({"D2": "-", "M1": "+"}, {"D2": "+", "M1": "+"}, None, Strength.AMBIGUOUS),
        ({"O1": "+", "O3": "+"}, {"O1": "+", "O3": "-"}, None, Strength.AMBIGUOUS),
        ({"D3": "-"}, {"D2": "+"}, None, Strength.NONE),
    ],
)
def test_common_factors_decide_and_where_they_disagree_the_dominant_ones(
    defense: dict[str, str], risk: dict[str, str], direction: Direction | None, strength: Strength
) -> None:
    found = predict(defense, risk)
    assert (found.direction, found.strength) == (direction, strength)


def test_balanced_accuracy_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    found, predicted = ([[DOWN, UP][each] for each in rng.integers(0, 2, 40)] for _ in range(2))
    ours = agreement(zip(found, predicted, strict=True))
    assert ours.balanced_accuracy == pytest.approx(balanced_accuracy_score(found, predicted))
    assert ours.cells == 40
    assert agreement([(UP, UP)]).balanced_accuracy is None


def test_conflicting_studies_are_kept() -> None:
    found = interaction("differential_privacy", "evasion")
    assert found is not None
    assert found.signs == (UP, DOWN)
    assert studies(found).endswith("the risk of evasion increases; it decreases in one study.")
    assert interaction("adversarial_training", "utility") is None


def test_thirty_pairs_of_defenses_are_published() -> None:
    pairs = combinations()
    assert (len(pairs), sum(pair.effective for pair in pairs), sum(pair.after_tuning for pair in pairs)) == (30, 22, 23)
    assert sum(pair.effective == pair.by_method for pair in pairs) == 27
    assert sum(pair.effective == pair.by_stage for pair in pairs) == 16
    assert [pair.effective for pair in combinations_of(["adversarial_training", "outlier_removal"])] == [False]
    assert not combinations_of(["adversarial_training"])


def pairs_of_families() -> Iterator[str]:
    """The lines of the table in the guide."""
    recipe = Recipe(LinearNet(norm="group"))
    known = [plugin.spec for plugin in plugins() if issubclass(plugin.spec, Defense) and plugin.home.startswith(OWN)]
    families = [family for family in DEFENSES if any(spec.family == family for spec in known)]
    for first, second in itertools.combinations(families, 2):
        trains = set()
        for one, other in itertools.product(known, known):
            if (one.family, other.family) == (first, second):
                try:
                    other().apply(one().apply(recipe))
                except ProblemsError:
                    trains.add("refused")
                else:
                    trains.add("trains")
        pairs = combinations_of([first, second])
        cells = [
            [f"{' and '.join(pair.stages)}: {outcome(pair.after_tuning)}" for pair in pairs],
            [outcome(pair.by_stage) for pair in pairs],
            [outcome(pair.by_method) for pair in pairs],
        ]
        names = f"{first}, {second}".replace("_", " ")
        told = " | ".join("; ".join(cell) or "none" for cell in cells)
        yield f"| {names} | {' or '.join(sorted(trains))} | {told} |"


def test_the_guide_tells_which_pairs_train() -> None:
    guide = (ROOT / "docs" / "guide" / "literature.md").read_text(encoding="utf-8")
    for line in pairs_of_families():
        assert line in guide


def test_defenses_name_families_that_the_survey_has() -> None:
    families = {plugin.spec.family for plugin in plugins() if issubclass(plugin.spec, Defense)} - {None}
    assert families <= set(DEFENSES)
    assert len(families) >= 5


def test_verdicts_stand_beside_the_prediction_and_the_studies() -> None:
    results = assessed({ROBUST: 0.1, LIRA: -0.1, GAP: None, ACCURACY: -0.1}, "differential_privacy")
    evasion, membership, gap = results.published
    assert (evasion.measured, evasion.as_predicted, evasion.as_published, evasion.as_exception) == (
        DOWN,
        False,
        False,
        True,
    )
    assert (membership.measured, membership.as_predicted, membership.as_published) == (DOWN, None, True)
    assert (gap.decided, gap.as_predicted, gap.as_published) == (False, None, None)


def test_a_risk_that_does_not_change_agrees_with_no_direction() -> None:
    [cell] = assessed({ROBUST: 0.0}, "adversarial_training").published
    assert (cell.measured, cell.decided, cell.as_predicted) == (None, True, False)


def test_a_model_that_is_the_same_is_no_evidence() -> None:
    results = assessed({LIRA: 0.1}, "fingerprinting")
    same = tuple(replace(value, task=f"{value.seed}", value=0.5) for value in results.values)
    [cell] = replace(results, values=same).published
    assert (cell.decided, cell.as_predicted, cell.as_published) == (False, None, None)
    undefined = tuple(replace(value, value=None, reason="none") for value in results.values)
    assert not replace(results, values=undefined).published


def test_results_say_it_in_json_text_and_page() -> None:
    results = assessed({ROBUST: 0.1, LIRA: -0.1, GAP: 0.1}, "adversarial_training")
    written = json.loads(results.to_json())["literature"]
    assert [cell["predicted"] for cell in written["cells"]] == ["decreases", None, "decreases"]
    assert (written["prediction"]["cells"], written["prediction"]["balanced_accuracy"]) == (2, 0.5)
    assert Results.from_json(results.to_json()) == results
    assert "it is right in 1 of 2 cells (balanced accuracy 0.500)" in agreement_sentence(results)
    assert "published: decreases; predicted: decreases; measured: decreases, as the studies and as the prediction" in (
        matrix_markdown.render(results, {})
    )
    assert "Measured: increases, as the studies and unlike the prediction." in (
        literature_sentences(results, results.cell("D", results.columns[2]))
    )


def test_pairs_of_defenses_are_no_cells_of_the_survey() -> None:
    results = assessed({ROBUST: 0.1}, "adversarial_training", "watermarking")
    assert not results.published
    assert combination_sentence(results, "D") == (
        "D: published of evasion robustness and model watermark, by the stages at which they act: "
        "in-training and post-training: both serve."
    )
    assert "Beside the literature" not in matrix_markdown.render(replace(results, families={}), {})
