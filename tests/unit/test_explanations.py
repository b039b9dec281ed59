"""Explanations that a defense releases: who sees them, what stays as it was, and what is the same without them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from amulet.attribute_inference.attacks import AttributeFromExplanations, AttributeFromOutputs
from amulet.core.data import Data
from amulet.core.errors import Conflict, InvalidParameter
from amulet.core.metric import Undefined
from amulet.core.probe import Attack, Probe
from amulet.core.split import Split
from amulet.core.threat import Access, Release
from amulet.core.trainable import Defense
from amulet.datasets import from_arrays
from amulet.discriminatory_behavior.defenses import (
    Explanations,
    Gradient,
    IntegratedGradients,
    ThresholdOptimizer,
)
from amulet.evasion.attacks import PGD
from amulet.experiments import Experiment, Results, Row, assess, game_for, plan
from amulet.experiments.graph.tasks import Derive, Released, Train
from amulet.experiments.planning.defended import defended
from amulet.experiments.planning.unreleased import not_judged
from amulet.functional.gradients.attributions import gradients, log_variances
from amulet.functional.perturbations.pgd import Classifier
from amulet.membership_inference.attacks import ExplanationVariance, LiRA, LiRAWithExplanations
from amulet.membership_inference.defenses import EarlyStopping
from amulet.membership_inference.metrics import auc
from amulet.statistics import Word
from amulet.testing import TOY_RECIPE, toy_dataset
from amulet.unauthorized_model_ownership.attacks import ModelExtraction, ModelExtractionWithExplanations

EXPLAINED = (Explanations(),)
READERS: dict[type[Attack], tuple[Attack, Attack]] = {  # type: ignore[type-arg]
    LiRAWithExplanations: (LiRAWithExplanations(shadows=4), LiRA(shadows=4)),
    AttributeFromExplanations: (AttributeFromExplanations(), AttributeFromOutputs()),
    ModelExtractionWithExplanations: (ModelExtractionWithExplanations(), ModelExtraction()),
}
"""Attacks that read explanations, each with the one that it is without them."""


@dataclass(frozen=True)
class Ones(Release):
    """An explanation that says nothing."""

    kind = Access.EXPLANATIONS

    def of(self, model: Classifier, x: Tensor, classes: Tensor) -> Tensor:
        del model, classes
        return torch.ones_like(x)


def experiment(*rows: Row, **settings: object) -> Experiment:
    return Experiment("e", None, TOY_RECIPE, rows, seeds=1, **settings)  # type: ignore[arg-type]


def outcome(probe: Probe, *defenses: Defense) -> dict[str, Tensor]:  # type: ignore[type-arg]
    found = probe.play(game_for(probe, TOY_RECIPE, toy_dataset(), Split(), defenses=defenses))
    assert not isinstance(found, Undefined)
    tensors: dict[str, Tensor] = found.tensors()
    return tensors


def halves(data: Data) -> tuple[Data, Data]:
    first = data.index < len(data) // 2
    return data[first], data[~first]


def test_the_model_is_that_of_the_row_without_explanations() -> None:
    assert Explanations().apply(TOY_RECIPE) is TOY_RECIPE


def test_attacks_that_read_no_explanations_are_those_of_the_undefended_row() -> None:
    row = Row("explained", EXPLAINED)
    probes = (LiRA(shadows=4), PGD(epsilon=0.1), LiRAWithExplanations(shadows=4))
    planned = plan(experiment(row, attacks=probes), toy_dataset())
    plays = {(trial.row, str(trial.play.probe)): trial.play.digest for trial in planned.trials}
    same = {name: plays["undefended", name] == plays["explained", name] for _, name in plays}
    assert same == {
        "Utility": True,
        "LiRA(shadows=4)": True,
        "PGD(epsilon=0.1)": True,
        "LiRAWithExplanations(shadows=4)": False,
    }
    targets = {row: planned.target(row, 0).digest for row in ("undefended", "explained")}
    assert targets["undefended"] == targets["explained"]
    assert planned.trainings[0] == 1 + 4  # one target and four shadows serve both rows and all attacks


@pytest.mark.parametrize("kind", READERS)
def test_without_explanations_the_attack_is_the_one_that_reads_none(kind: type[Attack]) -> None:  # type: ignore[type-arg]
    reader, plain = READERS[kind]
    found, expected = outcome(reader), outcome(plain)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("kind", READERS)
def test_an_attack_says_which_one_it_is_without_explanations(kind: type[Attack]) -> None:  # type: ignore[type-arg]
    reader, plain = READERS[kind]
    assert reader.without_releases() == plain


def test_settings_are_those_of_the_attack_without_explanations() -> None:
    assert LiRAWithExplanations(8, "record", defense_known=False).without_releases() == LiRA(
        8, "record", defense_known=False
    )
    learner = AttributeFromExplanations("race", "White", own_model=True, defense_known=False, classifier=TOY_RECIPE)
    assert learner.without_releases() == AttributeFromOutputs(
        "race", "White", own_model=True, defense_known=False, classifier=TOY_RECIPE
    )
    thief = ModelExtractionWithExplanations(recipe=TOY_RECIPE, queries=50)
    assert thief.without_releases() == ModelExtraction(recipe=TOY_RECIPE, queries=50)


@pytest.mark.parametrize("kind", READERS)
def test_with_explanations_the_outcome_is_another(kind: type[Attack]) -> None:  # type: ignore[type-arg]
    reader, plain = READERS[kind]
    found, expected = outcome(reader, *EXPLAINED), outcome(plain)
    assert any(not torch.equal(found[name], expected[name]) for name in expected)


def test_the_variance_is_that_of_the_targets_own_explanations() -> None:
    data, probe = toy_dataset().train, ExplanationVariance()
    model = TOY_RECIPE.fit(data, seed=0).model
    found = probe.attack(model, *halves(data), releases=Explanations().releases)
    records = data.x[found.index]
    with torch.no_grad():
        expected = -log_variances(gradients(model, records, model(records).argmax(1)))
    assert torch.allclose(found.scores, expected, atol=1e-5)


def test_who_sees_no_explanations_has_to_guess() -> None:
    data, probe = toy_dataset().train, ExplanationVariance()
    model = TOY_RECIPE.fit(data, seed=0).model
    found = probe.attack(model, *halves(data))
    assert auc(found) == 0.5


def test_an_explanation_that_says_nothing_leaves_lira_as_it_is() -> None:
    attack = LiRAWithExplanations(shadows=4)
    game = game_for(attack, TOY_RECIPE, toy_dataset(), Split())
    target = game.target
    members, others = game.members, game.auxiliary
    found, expected = (
        attack.attack(target.model, members, others, models=game.models, releases=releases)
        for releases in ((Ones(),), ())
    )
    assert torch.allclose(found.scores.argsort(), expected.scores.argsort())


def test_an_attack_that_reads_what_no_row_releases_is_told_of_and_is_none_of_all_risks() -> None:
    (sentence,) = LiRAWithExplanations().unserved(())
    assert sentence == (
        "LiRAWithExplanations reads explanations, and no row releases any, so that it sees no more than other attacks."
    )
    assert not list(LiRAWithExplanations().unserved(EXPLAINED))
    listed = plan(experiment(attacks=(LiRAWithExplanations(shadows=4),)), toy_dataset())
    assert any("reads explanations" in notice for notice in listed.notices)
    risks = ("membership_inference",)
    without = plan(experiment(risks=risks), toy_dataset())
    explained = plan(experiment(Row("explained", EXPLAINED), risks=risks), toy_dataset())
    names = [{type(probe) for probe in each.experiment.probes} for each in (without, explained)]
    assert [LiRAWithExplanations in each for each in names] == [False, True]
    assert not any(each.name.startswith("LiRAWithExplanations") for each in without.left_out)


TRAINED = Row("trained", (EarlyStopping(),))
RELEASING = Row("explained", EXPLAINED)
READER = LiRAWithExplanations(shadows=4)


def rows_of(probe: Attack, *rows: Row, attacks: Sequence[Attack] = ()) -> set[str]:  # type: ignore[type-arg]
    planned = plan(experiment(*rows, attacks=(probe, *attacks)), toy_dataset())
    return {trial.row for trial in planned.trials if trial.play.probe == probe}


def test_an_attack_is_run_only_where_it_has_something_to_read() -> None:
    """Elsewhere it would be that without explanations under another name, or a guess."""
    rows = TRAINED, RELEASING
    assert rows_of(READER, *rows, attacks=(LiRA(shadows=4),)) == {"undefended", "explained"}
    assert rows_of(ExplanationVariance(), *rows) == {"undefended", "explained"}


def test_an_attack_whose_counterpart_is_not_asked_for_is_run_everywhere() -> None:
    everywhere = {"undefended", "trained", "explained"}
    assert rows_of(READER, TRAINED, RELEASING) == everywhere
    assert rows_of(READER, TRAINED, RELEASING, attacks=(LiRA(shadows=8),)) == everywhere  # another number of shadows


def test_a_row_is_run_if_one_that_releases_explanations_is_compared_with_it_but_not_judged() -> None:
    both = Row("both", (EarlyStopping(), *EXPLAINED), against="trained")
    asked = experiment(TRAINED, both, attacks=(READER, LiRA(shadows=4)))
    assert rows_of(READER, TRAINED, both, attacks=(LiRA(shadows=4),)) == {"undefended", "trained", "both"}
    assert not_judged(asked) == {
        "trained": {
            "LiRAWithExplanations(shadows=4)": (
                "these models release no explanations, so that the attack would only repeat LiRA(shadows=4)"
            )
        }
    }


def test_cells_without_anything_to_read_have_no_verdict(tmp_path: Path) -> None:
    attacks = (READER, LiRA(shadows=4), ExplanationVariance())
    asked = replace(experiment(TRAINED, RELEASING, attacks=attacks), seeds=2)
    results = assess(asked, dataset=toy_dataset(), store=tmp_path)
    cell = results.cell("trained", "auc", probe="ExplanationVariance")
    assert cell.verdict is not None
    assert (cell.verdict.word, cell.verdict.reason) == (
        Word.UNDEFINED,
        "these models release no explanations, so that the attack would only guess",
    )
    assert (cell.summary, cell.valueless) == (None, "not run")
    assert results.cell("explained", "auc", probe="ExplanationVariance").summary is not None
    again = Results.from_json(results.to_json())
    assert again.not_judged == results.not_judged == not_judged(asked)
    assert again.verdicts == results.verdicts


def test_a_row_on_which_nothing_is_judged_is_part_of_the_results(tmp_path: Path) -> None:
    """Otherwise results would speak of a row of which they have nothing, and their file could not be read again."""
    asked = replace(experiment(TRAINED, RELEASING, attacks=(ExplanationVariance(),)), audits=())
    results = assess(asked, dataset=toy_dataset(), store=tmp_path)
    assert results.rows == ("undefended", "trained", "explained")
    again = Results.from_json(results.to_json())
    cell = again.cell("trained", "auc")
    assert (cell.summary and cell.summary.mean, cell.verdict and cell.verdict.word) == (0.5, Word.UNDEFINED)


@dataclass(frozen=True)
class Own(LiRAWithExplanations):
    """An attack of one's own, whose answers may be others without explanations too."""


@dataclass(frozen=True)
class Stated(LiRAWithExplanations):
    """An attack of one's own that says again what it is."""

    def without_releases(self) -> LiRA:
        return super().without_releases()


def test_what_an_attack_is_without_explanations_is_not_inherited() -> None:
    plain = (LiRA(shadows=4),)
    assert rows_of(Own(shadows=4), TRAINED, RELEASING, attacks=plain) == {"undefended", "trained", "explained"}
    assert rows_of(Stated(shadows=4), TRAINED, RELEASING, attacks=plain) == {"undefended", "explained"}


def test_a_copy_is_made_with_the_explanations_of_the_row_that_releases_them() -> None:
    attack = ModelExtractionWithExplanations()
    planned = plan(experiment(Row("explained", EXPLAINED), attacks=(attack,)), toy_dataset())
    parents = {
        (trial.row, type(task.parent))
        for trial in planned.trials
        for role in trial.play.cast
        for task in role.tasks
        if isinstance(task, Derive)
    }
    assert parents == {("undefended", Train), ("explained", Released)}


def test_two_defenses_that_release_explanations_are_refused() -> None:
    with pytest.raises(Conflict, match="Two defenses release explanations"):
        defended(TOY_RECIPE, (Explanations(), Explanations(IntegratedGradients())))


def test_explanations_are_of_the_model_with_what_is_put_around_it() -> None:
    """So they are of the decision that is made, here by a threshold for each group."""
    found = outcome(ExplanationVariance(), ThresholdOptimizer(), *EXPLAINED)
    assert found["scores"].unique().numel() > 2


def test_own_attributions_need_inputs_that_hold_the_attribute() -> None:
    probe = AttributeFromExplanations(attributions="own")
    with pytest.raises(InvalidParameter, match="needs inputs that hold the attribute 'sex'"):
        game_for(probe, TOY_RECIPE, toy_dataset(), Split())


def test_own_attributions_and_those_of_other_inputs_are_told_apart() -> None:
    toy = toy_dataset(400)
    parts = [(torch.cat([part.x, part.z.float()], 1), part.y) for part in (toy.train, toy.test)]
    dataset = from_arrays(
        parts[0],
        parts[1],
        sensitive=({"sex": toy.train.z[:, 0]}, {"sex": toy.test.z[:, 0]}),
        features=[*map(str, range(6)), "sex"],
        bounds=(0.0, 1.0),
    )
    seen = {each: AttributeFromExplanations(attributions=each)._seen(dataset.schema) for each in ("own", "others")}
    assert {each: places.tolist() for each, places in seen.items()} == {"own": [6], "others": [0, 1, 2, 3, 4, 5]}


@pytest.mark.parametrize("method", [Gradient("probability"), IntegratedGradients(steps=4)])
def test_every_method_is_read(method: Release) -> None:
    found = outcome(ExplanationVariance(), Explanations(method))
    assert found["scores"].isfinite().all()
