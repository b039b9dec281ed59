"""All risks and all defenses of one data set, with settings that fit it; what it cannot carry, with the reason."""

from dataclasses import replace

import pytest

from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidParameter
from amulet.core.split import Split
from amulet.datasets import Digits, ImportedDataset
from amulet.evasion.attacks import PGD
from amulet.evasion.defenses import TRADES, AdversarialTraining
from amulet.experiments import Experiment, Row, plan
from amulet.experiments.graph.tasks import Backend
from amulet.experiments.planning.completion import completed
from amulet.experiments.planning.left_out import LeftOut
from amulet.experiments.registry.plugins import Kind, plugins, risk_names
from amulet.experiments.results.numbers import Column, Value
from amulet.experiments.results.results import Results
from amulet.membership_inference.attacks import LiRA
from amulet.membership_inference.defenses import DPSGD
from amulet.models import LinearNet
from amulet.report.pages.matrix_markdown import render
from amulet.training import Recipe
from amulet.unauthorized_model_ownership import Ownership

RECIPE = Recipe(LinearNet((8,), norm="group"), epochs=2, batch_size=32)
DEFENSES = [plugin for plugin in plugins() if plugin.kind is Kind.DEFENSE and plugin.home.startswith("amulet.")]
EVERYTHING = Experiment("all", None, RECIPE, (), risks=("all",), all_defenses=True, seeds=2)


@pytest.fixture(scope="module")
def digits() -> AmuletDataset:
    return Digits().load()


def complete(experiment: Experiment, dataset: AmuletDataset) -> tuple[Experiment, dict[str, LeftOut]]:
    found, left_out = completed(experiment, dataset, Backend("cpu"))
    return found, {each.name.partition("(")[0]: each for each in left_out}


def test_every_risk_has_an_attack_or_audit_and_every_defense_a_row(dataset: AmuletDataset) -> None:
    found, left_out = complete(EVERYTHING, dataset)
    assert not left_out
    assert {probe.risk for probe in found.probes} == set(risk_names())
    assert {"AdversarialTraining", "TRADES", "DPSGD", "Explanations", "OutlierRemoval", "Watermark"} <= {
        row.label for row in found.rows
    }
    reading = {"LiRAWithExplanations", "AttributeFromExplanations", "ModelExtractionWithExplanations"}
    assert reading <= {type(probe).__name__ for probe in found.probes}
    assert "Placebo" not in {row.label for row in found.rows}
    assert (found.risks, found.all_defenses) == ((), False)


def test_what_a_data_set_cannot_carry_is_told_with_the_reason(digits: AmuletDataset) -> None:
    found, left_out = complete(EVERYTHING, digits)
    for_groups = {"AdversarialDebiasing", "FERMI", "Reweighing", "ThresholdOptimizer"}
    for_attributes = {"AttributeFromOutputs", "AttributeFromExplanations"}
    assert {"Discrimination", *for_attributes, "SuriEvans", *for_groups} == set(left_out)
    assert left_out["SuriEvans"].reason.endswith("needs the sensitive attribute 'sex'; the data set has: none.")
    assert "evasion" in {probe.risk for probe in found.probes}


def test_a_defense_that_does_not_fit_the_recipe_is_told_with_the_reason(dataset: AmuletDataset) -> None:
    mixing = replace(EVERYTHING, recipe=Recipe(LinearNet((8,)), epochs=2, batch_size=32), risks=())
    found, left_out = complete(mixing, dataset)
    assert "build it with norm='group'" in left_out["DPSGD"].reason
    assert str(left_out["DPSGD"]).startswith("DPSGD (membership_inference) is left out: ")
    assert "DPSGD" not in {row.label for row in found.rows}


def test_pairs_are_rows_or_told_with_the_reason_of_their_conflict(dataset: AmuletDataset) -> None:
    pairs = replace(EVERYTHING, risks=(), all_defenses=False, all_pairs=True)
    found, left_out = completed(pairs, dataset, Backend("cpu"))
    rows = {row.label: row for row in found.defenses}
    assert len(rows) + len(left_out) == len(DEFENSES) * (len(DEFENSES) - 1) / 2
    assert [type(each).__name__ for each in rows["AdversarialTraining and OutlierRemoval"].defenses] == [
        "AdversarialTraining",
        "OutlierRemoval",
    ]
    assert all(row.screened for row in found.defenses)
    [conflict] = [each for each in left_out if "DPSGD" in each.name and "OutlierRemoval" in each.name]
    assert "DPSGD" in conflict.reason


def test_what_is_wrong_with_a_single_defense_is_not_repeated_of_its_pairs(dataset: AmuletDataset) -> None:
    mixing = replace(EVERYTHING, recipe=Recipe(LinearNet((8,)), epochs=2, batch_size=32), risks=(), all_pairs=True)
    _, left_out = completed(mixing, dataset, Backend("cpu"))
    [told] = [each for each in left_out if "DPSGD" in each.name]
    assert told.pairs == len(DEFENSES) - 1
    assert str(told).endswith(f"So are its {told.pairs} pairs.")


def test_pairs_are_of_rows_that_are_listed_too(dataset: AmuletDataset) -> None:
    listed = replace(EVERYTHING, risks=(), all_pairs=True, defenses=(Row("private", (DPSGD(epsilon=4),)),))
    found, _ = complete(listed, dataset)
    both = next(row for row in found.defenses if row.label == "private and AdversarialTraining")
    assert both.defenses[0] == DPSGD(epsilon=4)


def test_shadow_models_need_halves_so_another_split_leaves_their_attack_out(dataset: AmuletDataset) -> None:
    _, left_out = complete(replace(EVERYTHING, split=Split(members=0.6)), dataset)
    assert "The 'members' of Split must be 0.5" in left_out["LiRA"].reason


def test_what_is_listed_replaces_the_usual_of_its_class(dataset: AmuletDataset) -> None:
    listed = replace(
        EVERYTHING, risks=("evasion",), attacks=(PGD(epsilon=0.2),), defenses=(Row("private", (DPSGD(epsilon=4),)),)
    )
    found, _ = complete(listed, dataset)
    assert found.attacks == (PGD(epsilon=0.2),)
    assert [row.label for row in found.rows if any(isinstance(each, DPSGD) for each in row.defenses)] == ["private"]


def test_what_is_listed_may_ask_for_other_data_sets() -> None:
    other = ImportedDataset("amulet.testing:toy_dataset")
    listed = replace(EVERYTHING, dataset=other, risks=(), audits=(Ownership(other=other),), seeds=1)
    assert "DPSGD" in {row.label for row in plan(listed).experiment.rows}


def test_settings_fit_the_data(dataset: AmuletDataset, digits: AmuletDataset) -> None:
    tabular, images = (complete(EVERYTHING, each)[0] for each in (dataset, digits))
    assert [probe.epsilon for probe in tabular.probes if isinstance(probe, PGD)] == [0.05]
    assert [probe.epsilon for probe in images.probes if isinstance(probe, PGD)] == [0.1]
    radii = [
        each.epsilon for row in images.rows for each in row.defenses if isinstance(each, AdversarialTraining | TRADES)
    ]
    assert radii == [0.1, 0.1]
    attributes = {getattr(probe, "attribute", None) for probe in tabular.probes} - {None}
    assert attributes == {"sex", "race"}


def test_unknown_risks_are_refused() -> None:
    with pytest.raises(InvalidParameter, match=r"must be some of all, .*evasion.* Got 'nonsense'"):
        replace(EVERYTHING, risks=("nonsense",))


def test_a_plan_counts_the_trainings_that_sharing_saves(dataset: AmuletDataset) -> None:
    shadows = replace(EVERYTHING, risks=(), all_defenses=False, seeds=1, attacks=(LiRA(shadows=4), LiRA(shadows=8)))
    distinct, alone = plan(shadows, dataset).trainings
    assert (distinct, alone) == (1 + 8, 1 + (1 + 4) + (1 + 8))  # of Utility and of the two attacks


def test_results_hold_what_is_left_out() -> None:
    column = Column("utility", "Utility", "accuracy", 0.0, 1.0, None, True, 0.02, None)
    values = tuple(Value(row, *("utility", "Utility", "accuracy", 0, 0.5, None, "t")) for row in ("undefended", "D"))
    missing = (LeftOut("evasion", "PGD", "It has no gradient."),)
    results = Results("e", "d", "c", {}, (column,), values, {}, left_out=missing)
    assert Results.from_json(results.to_json()) == results
    assert "PGD (evasion) is left out: It has no gradient." in render(results, {})
