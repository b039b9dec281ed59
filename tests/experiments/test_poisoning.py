"""Poisoning in an assessment: one reference and one score for all percents, beside any other defense."""

from dataclasses import replace

import pytest
import torch

from amulet.core.errors import InvalidParameter
from amulet.core.roles import CONTROL, SHADOW
from amulet.core.split import MemberDraw, Split
from amulet.experiments import BASELINE, Experiment, Plan, Row, Store, plan
from amulet.experiments.assess import carry_out
from amulet.experiments.graph.tasks import Score, Train
from amulet.experiments.planning.plan import count_by_kind
from amulet.membership_inference.attacks import LiRA
from amulet.poisoning import Sanitization
from amulet.poisoning.attacks import BadNets, Features
from amulet.poisoning.defenses import OutlierRemoval, SpectralSignatures
from amulet.statistics import Gate
from amulet.testing import TOY_RECIPE, toy_dataset
from amulet.training import Held, Placebo, fit_shadows
from amulet.utility import Utility

ATTACK = BadNets(fraction=0.15)
ROWS = (
    *(Row(f"{percent}%", (OutlierRemoval(percent),)) for percent in (10, 20, 30)),
    Row("spectral", (SpectralSignatures(20),)),
    Row("reseeded", (OutlierRemoval(20), Placebo())),
)


@pytest.fixture
def poisoned(experiment: Experiment) -> Experiment:
    return replace(
        experiment,
        defenses=ROWS,
        attacks=(ATTACK,),
        audits=(Sanitization(ATTACK),),
        split=Split(validation=0.2),
        seeds=1,
    )


def trained(planned: Plan) -> dict[str, Train]:
    found = {trial.row: trial.play.target for trial in planned.trials}
    return {row: task for row, task in found.items() if isinstance(task, Train)}


def test_all_percents_share_one_reference_and_one_score(poisoned: Experiment) -> None:
    planned = plan(poisoned)
    targets = trained(planned)

    models = 1 + 5 + 1  # undefended, the rows, the reference of the reseeded
    assert count_by_kind(planned.tasks)["Train"] == 2 * models  # and as controls, without poison
    assert count_by_kind(planned.tasks)["Score"] == 2 * 3
    scores = {targets[row].scores for row in ("10%", "20%", "30%")}
    assert len(scores) == 1
    assert next(iter(scores)) == (Score(OutlierRemoval().scorer, targets[BASELINE]),)


def test_another_percent_costs_one_training_and_one_of_its_control(poisoned: Experiment) -> None:
    more = replace(poisoned, defenses=(*ROWS, Row("40%", (OutlierRemoval(40),))))
    known = {task.digest for task in plan(poisoned).tasks}
    new = count_by_kind(task for task in plan(more).tasks if task.digest not in known)
    assert (new["Train"], new["Score"], new["Play"]) == (2, 0, 2)


def test_the_audit_is_of_the_attack_s_own_target(poisoned: Experiment) -> None:
    by_row: dict[str, set[str]] = {}
    for trial in plan(poisoned).trials:
        assert trial.play.target is not None
        by_row.setdefault(trial.row, set()).add(trial.play.target.digest)
    assert {len(digests) for digests in by_row.values()} == {1}


def test_an_assessment_trains_what_a_script_trains(poisoned: Experiment, store: Store) -> None:
    planned, results = carry_out(plan(poisoned), store, workers=1)

    train = toy_dataset().train
    held = Held(validation=poisoned.split.validation_of(train))
    records = ATTACK.tamper(MemberDraw(poisoned.split).take(train), seed=0)
    for row in ROWS:
        recipe = poisoned.recipe
        for defense in row.defenses:
            recipe = defense.apply(recipe)
        fitted, stored = recipe.fit(records, seed=0, held=held), store.load(trained(planned)[row.label])
        assert all(torch.equal(tensor, stored.model.state_dict()[name])
                   for name, tensor in fitted.model.state_dict().items())  # fmt: skip
        (kept,), (again,) = fitted.artifacts.values(), stored.artifacts.values()
        assert torch.equal(kept["removed"], again["removed"])

    assert planned.missing(planned.states(store)) == ()
    cells = {(cell.row, cell.column.metric): cell for cell in results.cells()}
    assert cells[BASELINE, "poison_recall"].undefined == ("no training record was removed",)
    assert cells["20%", "poison_recall"].summary is not None
    gates = {(gate.name, gate.row, gate.about) for gate in results.gates}
    assert ("attack", BASELINE, "BadNets(fraction=0.15)") in gates
    assert {("defense", row.label, "poisoning") for row in ROWS} <= gates


def test_the_control_is_the_clean_model_of_the_same_row_and_seed(poisoned: Experiment) -> None:
    planned = plan(replace(poisoned, audits=(Utility(), Sanitization(ATTACK))))
    clean = {trial.row: trial.play.target for trial in planned.trials if isinstance(trial.play.probe, Utility)}
    for cell in planned.cells:
        if cell.metric == "trigger_alone":
            (control,) = (role.tasks[0] for role in cell.task.outcome.cast if role.name == CONTROL)
            assert control == clean[cell.row]
            assert cell.task.outcome.probe == ATTACK


def test_a_trigger_that_works_by_itself_is_told_from_a_backdoor(experiment: Experiment, store: Store) -> None:
    """High features mean class 1 in the toy data: to set them all is to choose the class."""
    by_itself = BadNets(fraction=0.05, label=1, pattern=Features(tuple(range(6)), (1.0,) * 6))
    recipe = replace(TOY_RECIPE, epochs=20)
    attacked = replace(experiment, recipe=recipe, defenses=(), attacks=(by_itself,), audits=(Utility(),), seeds=5)
    _, results = carry_out(plan(attacked), store, workers=1)
    (gate,) = (gate for gate in results.gates if gate.name == "attack")
    assert gate.state is Gate.FAILED
    assert "nobody tampered with" in gate.follows


def test_shadows_know_the_removal(experiment: Experiment, store: Store) -> None:
    attacked = replace(
        experiment,
        defenses=(Row("removal", (OutlierRemoval(20),)),),
        attacks=(LiRA(shadows=2),),
        audits=(),
        split=Split(validation=0.2),
        seeds=1,
    )
    planned, _ = carry_out(plan(attacked), store, workers=1)

    expected = fit_shadows(OutlierRemoval(20).apply(attacked.recipe), toy_dataset(), attacked.split, 2)
    (cast,) = (trial.play.cast for trial in planned.trials if trial.row == "removal")
    (shadows,) = (role.tasks for role in cast if role.name == SHADOW)
    for task, shadow in zip(shadows, expected, strict=True):
        weights = store.load(task).model.state_dict()
        assert all(torch.equal(tensor, weights[name]) for name, tensor in shadow.model.state_dict().items())


def test_what_cannot_work_is_said_before_training(poisoned: Experiment) -> None:
    faulty = replace(
        poisoned,
        defenses=(Row("removal", (OutlierRemoval(),)), Row("hardly", (SpectralSignatures(0.1),))),
        attacks=(BadNets(label=2), BadNets(fraction=0.8), BadNets(pattern=Features((9,), (1.0,)))),
        split=Split(validation=0.0),
    )

    with pytest.raises(InvalidParameter) as caught:
        plan(faulty)

    message = str(caught.value)
    assert "Row 'removal': The 'validation' of Split must be enough for at least one record" in message
    assert "Row 'hardly': The 'percent' of SpectralSignatures must be such that some of 64 records go" in message
    assert "must be a class code 0..1. Got 2." in message
    assert "The 'fraction' of BadNets must be such that" in message
    assert "below 6, the number of columns" in message
