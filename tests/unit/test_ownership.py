"""Claims of ownership: rates on outcomes made by hand, suspects of an audit, and what a matrix shows of them."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from amulet.core.dataset import AmuletDataset
from amulet.core.dataset_spec import DatasetSpec
from amulet.core.errors import InvalidParameter
from amulet.core.metric import Undefined
from amulet.core.split import Split
from amulet.core.trainable import Defense
from amulet.datasets import from_arrays
from amulet.derivations import Pruning, Quantization
from amulet.experiments import Experiment, Row, assess, plan
from amulet.experiments.planning.memory import game_for
from amulet.models import LinearNet
from amulet.statistics import Gate, Word
from amulet.testing import TOY_RECIPE, toy_dataset
from amulet.training import Placebo, Recipe
from amulet.unauthorized_model_ownership import ClaimOutcome, Ownership
from amulet.unauthorized_model_ownership.attacks import ModelExtraction
from amulet.unauthorized_model_ownership.defenses import DatasetInference, Watermark
from amulet.unauthorized_model_ownership.metrics import (
    ClaimRate,
    FalseClaimRate,
    claim_accuracy,
    claim_balanced_accuracy,
    claim_fnr,
    claim_fpr,
)

SUSPECTS = {"Pruning": [1e-9, 1e-4], "Extraction": [0.2, 0.0], "independent": [0.3, 0.6, 0.004, 0.01]}
BY_HAND = ClaimOutcome.of(SUSPECTS, stolen={"Pruning", "Extraction"}, level=0.01)
MARK = Watermark(records=30, share=0.3)
RECIPE = replace(TOY_RECIPE, model=LinearNet((128, 128), norm="group"), epochs=60)
CHEAP = Ownership(thefts=(Pruning(0.2), Pruning(0.9), Quantization()), independent=3)


@dataclass(frozen=True)
class ThreeClasses(DatasetSpec):
    """Records of the shape of the toy ones, but of three classes."""

    def load(self) -> AmuletDataset:
        records = (torch.rand(90, 6, generator=torch.Generator().manual_seed(1)), torch.arange(90) % 3)
        return from_arrays(records, records, classes=("a", "b", "c"), bounds=(0.0, 1.0), name="three classes")


def test_rates_by_hand() -> None:
    assert claim_accuracy(BY_HAND) == 5 / 8
    assert claim_balanced_accuracy(BY_HAND) == (3 / 4 + 2 / 4) / 2
    assert claim_fnr(BY_HAND) == 1 / 4
    assert claim_fpr(BY_HAND) == 2 / 4
    assert ClaimRate("Extraction")(BY_HAND) == 1 / 2
    assert ClaimRate("Pruning")(BY_HAND) == 1
    assert FalseClaimRate()(BY_HAND) == 2 / 4


def test_a_rate_of_two_suspects_is_not_stated() -> None:
    few = ClaimOutcome.of({"Pruning": [0.1] * 3, "independent": [0.1, 0.2]}, stolen={"Pruning"}, level=0.01)
    assert claim_fnr(few) == 1.0
    assert claim_fpr(few) == Undefined("there are fewer than 3 independent models")
    assert isinstance(claim_accuracy(few), Undefined)
    assert claim_balanced_accuracy(few) == Undefined("there are fewer than 3 independent models")
    assert ClaimRate("Quantization")(few) == Undefined("there are no suspects of the kind 'Quantization'")


@pytest.mark.parametrize("p", [0.0, 1.0])
@pytest.mark.parametrize("stolen", [3, 6, 60])
def test_a_claim_that_is_always_or_never_made_is_no_better_than_a_guess(p: float, stolen: int) -> None:
    outcome = ClaimOutcome.of({"Pruning": [p] * stolen, "independent": [p] * 4}, stolen={"Pruning"}, level=0.01)
    assert claim_balanced_accuracy(outcome) == 0.5
    assert (claim_accuracy.shows, claim_balanced_accuracy.shows) == (None, "claims")


def test_names_of_kinds_come_back() -> None:
    assert BY_HAND.kinds == ("Pruning", "Extraction", "independent")
    assert ClaimOutcome.from_tensors(BY_HAND.tensors()).kinds == BY_HAND.kinds


def test_suspects_of_an_audit() -> None:
    outcome = CHEAP.play(game_for(CHEAP, RECIPE, toy_dataset(400), Split(), defenses=[MARK]))
    assert isinstance(outcome, ClaimOutcome)
    assert outcome.kinds == ("copy", "Pruning", "Pruning 2", "Quantization", "independent")
    assert outcome.stolen.tolist() == [True] * 4 + [False] * 3
    assert outcome.claimed[0]


def test_a_row_shows_each_kind_of_theft_and_whether_the_watermark_serves(tmp_path: Path) -> None:
    rows = (Row("marked", (MARK,)), Row("marked twice", (MARK, Watermark(records=10)), against="marked"))
    experiment = Experiment("marks", None, RECIPE, rows, attacks=(ModelExtraction(),), audits=(CHEAP,), seeds=3)
    results = assess(experiment, dataset=toy_dataset(400), store=tmp_path, workers=1)
    columns = {column.metric: column for column in results.columns}
    held = results.cell("marked", columns["ClaimRate(suspects=copy)"]).summary
    assert held is not None
    assert held.mean == 1.0
    assert results.cell("undefended", columns["claim_accuracy"]).undefined == ("the model has no watermark",)
    assert {"ClaimRate(suspects=Pruning 2)", "FalseClaimRate(suspects=independent)", "claim_fpr"} <= set(columns)
    gates = {(gate.row, gate.about): gate.state for gate in results.gates if gate.name == "defense"}
    assert gates["marked", "Ownership(by=WatermarkClaim)"] in set(Gate)
    assert ("marked", "unauthorized_model_ownership") not in gates
    again = type(results).from_json(results.to_json())
    assert again.to_json() == results.to_json()
    assert again.own_claims == {row.label: ("Ownership(by=WatermarkClaim)",) for row in rows}


def test_a_claim_by_the_training_records_leaves_all_other_risks_unchanged_by_construction(tmp_path: Path) -> None:
    claim = DatasetInference(records=30, steps=10)
    audit = replace(CHEAP, by=claim)
    experiment = Experiment(
        "fingerprint", None, RECIPE, (Row("fingerprint", (claim,)),), (ModelExtraction(),), (audit,), seeds=2
    )
    results = assess(experiment, dataset=toy_dataset(800), store=tmp_path, workers=1)
    words = {verdict.word for (_, column), verdict in results.verdicts.items()}
    assert words == {Word.UNCHANGED}
    assert [gate.about for gate in results.gates if gate.name == "defense"] == [str(audit)]
    assert all(value.value is not None for value in results.values if value.metric == "claim_fpr")


def test_a_claim_that_no_row_can_make_is_noticed_by_the_plan() -> None:
    def noticed(recipe: Recipe, *defenses: Defense) -> tuple[str, ...]:
        row = Row("row", (Placebo(), *defenses))
        return plan(Experiment("none", None, recipe, (row,), audits=(CHEAP,), seeds=1), toy_dataset()).notices

    [notice] = noticed(TOY_RECIPE)
    assert notice.startswith("Ownership(by=WatermarkClaim): no row has a defense that this claim is made for, so that")
    assert not noticed(TOY_RECIPE, MARK)
    assert not noticed(MARK.apply(TOY_RECIPE)), "a stage that every row has"


def test_a_claim_that_needs_more_held_out_records_than_there_are_is_refused_by_the_plan() -> None:
    audit = replace(CHEAP, by=DatasetInference(records=500))
    experiment = Experiment("few", None, TOY_RECIPE, (Row("marked", (MARK,)),), audits=(audit,), seeds=1)
    with pytest.raises(InvalidParameter, match="draws 500 held-out \\(validation\\) records, and there are"):
        plan(experiment, toy_dataset())


def test_independent_models_of_other_data_must_have_the_owner_s_classes() -> None:
    audit = Ownership(thefts=(), other=ThreeClasses())
    experiment = Experiment("other", None, TOY_RECIPE, (Row("marked", (MARK,)),), audits=(audit,), seeds=1)
    with pytest.raises(InvalidParameter, match=r"the other data suspect must|one logit"):
        plan(experiment, toy_dataset())
