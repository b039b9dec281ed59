"""A plan is every task by value, and every problem before any training."""

from dataclasses import dataclass, replace

import pytest
import torch

from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidParameter
from amulet.core.metric import Metric
from amulet.core.roles import SHADOW
from amulet.discriminatory_behavior import Discrimination
from amulet.evasion.attacks import PGD
from amulet.experiments import BASELINE, Experiment, Row, Store, plan
from amulet.experiments.assess import carry_out
from amulet.experiments.graph.plays import Play
from amulet.experiments.graph.tasks import ModelTask, Task, Train
from amulet.experiments.planning.plan import count_by_kind
from amulet.membership_inference.attacks import LiRA
from amulet.membership_inference.defenses import DPSGD
from amulet.membership_inference.metrics import TPRAtFPR
from amulet.models import LinearNet
from amulet.testing import toy_dataset
from amulet.training import Recipe
from amulet.utility.outcome import PredictionOutcome


def test_models_are_shared_by_all_attacks_and_metrics(experiment: Experiment) -> None:
    counts = count_by_kind(plan(experiment).tasks)

    assert counts["Source"] == 1
    assert counts["Train"] == 2 * 3 * (1 + 4)  # seeds x rows x (target + shadows)
    assert counts["Play"] == 2 * 3 * (5 + 3)  # and PGD at three smaller epsilons, for its security curve


def test_inputs_come_before_what_needs_them(experiment: Experiment) -> None:
    seen: set[str] = set()
    for task in plan(experiment).tasks:
        assert all(item.digest in seen for item in task.inputs)
        seen.add(task.digest)


def test_rows_of_one_seed_share_split_and_seed(experiment: Experiment) -> None:
    planned = plan(experiment)

    baseline, defended = planned.target(BASELINE, seed=1), planned.target("dp-sgd", seed=1)

    assert baseline.draw == defended.draw
    assert baseline.seed == defended.seed
    assert baseline.digest != defended.digest


def test_shadows_know_the_defense_unless_the_threat_model_says_otherwise(experiment: Experiment) -> None:
    both = replace(experiment, attacks=(LiRA(shadows=4), LiRA(shadows=4, defense_known=False)))
    recipes = {
        (cell.row, cell.probe): {shadow.recipe for shadow in shadows_of(cell.task.outcome)}
        for cell in plan(both).cells
        if shadows_of(cell.task.outcome)
    }
    defended = plan(both).target("dp-sgd", seed=0).recipe

    assert recipes["dp-sgd", "LiRA(shadows=4)"] == {defended}
    assert recipes["dp-sgd", "LiRA(shadows=4, defense_known=False)"] == {experiment.recipe}


def shadows_of(play: Play) -> tuple[ModelTask, ...]:
    return next((role.tasks for role in play.cast if role.name == SHADOW), ())


def test_more_shadows_reuse_the_first_ones(experiment: Experiment) -> None:
    def shadows(count: int) -> list[str]:
        planned = plan(replace(experiment, attacks=(LiRA(shadows=count),)))
        return [shadow.digest for cell in planned.cells for shadow in shadows_of(cell.task.outcome)]

    assert set(shadows(4)) < set(shadows(8))


def test_all_problems_come_at_once_and_before_training(experiment: Experiment) -> None:
    faulty = replace(
        experiment,
        recipe=Recipe(LinearNet((8,), norm="batch")),
        defenses=(Row("twice", (DPSGD(), DPSGD())), Row("private", (DPSGD(delta=0.5),))),
        attacks=(PGD(),),
        audits=(Discrimination("age"),),
        metrics=(TPRAtFPR(),),
    )

    with pytest.raises(InvalidParameter) as caught:
        plan(faulty)

    message = str(caught.value)
    assert "Row 'twice': A recipe has room for one update rule." in message
    assert "Row 'private': The 'delta' of DPSGD must be below one over the 64 training records. Got 0.5." in message
    assert "build it with norm='group'" in message
    assert "needs the sensitive attribute 'age'; the data set has: sex." in message
    assert "TPRAtFPR(fpr=0.01) has no effect" in message


@dataclass(frozen=True)
class Accuracy(Metric[PredictionOutcome]):
    """Goes by the name of a registered metric."""

    low, high, riskier = 0.0, 1.0, None

    def measure(self, outcome: PredictionOutcome) -> float:
        del outcome
        return 0.5


def test_metrics_that_go_by_one_name_cannot_be_told_apart(experiment: Experiment) -> None:
    with pytest.raises(InvalidParameter, match="Two metrics of Utility are called 'accuracy'"):
        plan(replace(experiment, metrics=(Accuracy(),)))


def test_labels_are_keys(experiment: Experiment) -> None:
    with pytest.raises(InvalidParameter, match="labelled differently"):
        replace(experiment, defenses=(Row("a", (DPSGD(),)), Row("a", (DPSGD(),))))


def changed(before: Experiment, after: Experiment) -> set[type[Task[object]]]:
    known = {task.digest for task in plan(before).tasks}
    return {type(task) for task in plan(after).tasks if task.digest not in known}


def test_changing_an_attack_trains_nothing(experiment: Experiment) -> None:
    stronger = replace(experiment, attacks=(PGD(epsilon=0.1, steps=4), *experiment.attacks[1:]))

    assert Train not in changed(experiment, stronger)
    assert Play in changed(experiment, stronger)


def test_changing_one_hyperparameter_recomputes_exactly_what_depends_on_it(
    experiment: Experiment, store: Store
) -> None:
    carry_out(plan(experiment), store, workers=1)
    other = replace(experiment, defenses=(experiment.defenses[0], Row("dp-sgd", (DPSGD(epsilon=9.0, delta=1e-3),))))
    planned = plan(other)

    missing = planned.missing(planned.states(store))

    rows = {cell.task.digest: cell.row for cell in planned.cells}
    assert {rows[task.digest] for task in missing if task.digest in rows} == {"dp-sgd"}
    assert count_by_kind(missing)["Train"] == 2 * 5


def test_a_repeated_assessment_has_nothing_to_do(experiment: Experiment, store: Store) -> None:
    carry_out(plan(experiment), store, workers=1)
    planned = plan(experiment)

    assert planned.missing(planned.states(store)) == ()


def test_a_device_that_holds_no_numbers_is_refused(experiment: Experiment) -> None:
    with pytest.raises(InvalidParameter, match="The 'device' of plan must be one that torch finds here"):
        plan(experiment, device="meta")


def test_a_target_needs_a_record_to_be_trained_on(experiment: Experiment) -> None:
    whole = toy_dataset()
    single = AmuletDataset("single", whole.train[torch.tensor([0])], whole.test)
    with pytest.raises(InvalidParameter, match="The 'members' of Split of 1 training records must be such that"):
        plan(replace(experiment, dataset=None), single)
