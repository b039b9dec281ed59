"""A copy that learns explanations: its loss by hand, and that a linear model is copied from a few records."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from amulet.core.data import Data
from amulet.core.roles import SURROGATE, TARGET
from amulet.core.threat import Release, opened
from amulet.derivations import Extraction, ExtractionWithExplanations
from amulet.derivations.extraction_with_explanations import Explained, MatchExplanations
from amulet.discriminatory_behavior.defenses import Explanations, Gradient
from amulet.models import LinearNet
from amulet.testing import TOY_RECIPE, toy_dataset
from amulet.training import Adam, Recipe
from amulet.unauthorized_model_ownership.attacks import ModelExtractionWithExplanations

LINEAR = Recipe(LinearNet(()), epochs=100, batch_size=10, optimizer=Adam(lr=0.1))
"""A model without hidden layers: its logits are linear in the inputs."""


def copied(
    derivation: ExtractionWithExplanations | Extraction, parent: nn.Module, data: Data, recipe: Recipe
) -> nn.Module:
    releases = Explanations().releases if isinstance(derivation, ExtractionWithExplanations) else ()
    with opened(parent, derivation.needs, releases=releases) as target:
        return derivation.derive(target, recipe, data, seed=3).model


def test_the_distance_is_that_of_the_weights_of_linear_models() -> None:
    """The explanation of a linear model for class c is the row c of its weights, whatever the record."""
    batch = toy_dataset().train[torch.arange(4)]
    model, other = nn.Linear(6, 2), nn.Linear(6, 2)
    classes = torch.tensor([0, 1, 1, 0])
    given = Explained(batch.index.flip(0), batch.x.flip(0), classes.flip(0), other.weight[classes].detach().flip(0))
    penalty = MatchExplanations(Gradient(), given, weight=2.0).penalize(model, model(batch.x), batch)
    distances = (model.weight - other.weight)[classes].square().sum(1)
    assert torch.allclose(penalty, 2 * distances / other.weight[classes].square().sum(1).mean())
    (slope,) = torch.autograd.grad(penalty.sum(), model.weight)
    counted = torch.stack([(classes == code).sum() for code in (0, 1)])[:, None]
    expected = 4 * counted * (model.weight - other.weight) / other.weight[classes].square().sum(1).mean()
    assert torch.allclose(slope, expected, atol=1e-5)


def test_records_without_an_explanation_add_nothing() -> None:
    batch = toy_dataset().train[torch.arange(4)]
    model = nn.Linear(6, 2)
    given = Explained(batch.index[:2], batch.x[:2], torch.zeros(2).long(), torch.zeros(2, 6))
    penalty = MatchExplanations(Gradient(), given).penalize(model, model(batch.x), batch)
    assert (penalty != 0).tolist() == [True, True, False, False]


def test_augmented_records_are_explained_as_they_were_asked_about() -> None:
    batch = toy_dataset().train[torch.arange(4)]
    model = LinearNet((8,), norm="none").build(batch.schema)
    given = Explained(batch.index, batch.x, torch.zeros(4).long(), torch.ones(4, 6))
    moved = replace(batch, x=batch.x + 1)
    stage = MatchExplanations(Gradient(), given)
    assert torch.equal(stage.penalize(model, model(batch.x), batch), stage.penalize(model, model(moved.x), moved))


def test_without_explanations_it_is_the_extraction_that_reads_none() -> None:
    data = toy_dataset().train
    parent = TOY_RECIPE.fit(data, seed=0).model
    derivation = ExtractionWithExplanations()
    with opened(parent, derivation.needs) as target:
        found = derivation.derive(target, TOY_RECIPE, data, seed=3).model
    expected = copied(Extraction(), parent, data, TOY_RECIPE).state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in found.state_dict().items())


def test_a_surrogate_with_batch_norm_is_refused() -> None:
    """In training the explanation of a record depends on the others of its batch; copies came out worse for them."""
    data, attack = toy_dataset().train, ModelExtractionWithExplanations()
    batch, group = (LinearNet((8,), norm=norm).build(data.schema) for norm in ("batch", "group"))
    (sentence,) = attack.model_demands(SURROGATE, batch, data)
    assert "BatchNorm1d layers mix the records of a batch" in sentence
    assert not list(attack.model_demands(SURROGATE, group, data))
    assert not list(attack.model_demands(TARGET, batch, data))


def slopes(model: nn.Module, records: Data) -> Tensor:
    release: Release = Gradient()
    with torch.no_grad():
        return release.of(model, records.x, torch.ones(len(records)).long())


def test_a_linear_model_is_copied_better_from_ten_answers_with_explanations() -> None:
    """Milli et al., section 3: gradients of a linear model tell it from a single query."""
    dataset = toy_dataset()
    parent = LINEAR.fit(dataset.train[torch.arange(40)], seed=0).model
    few = dataset.train[torch.arange(40, 50)]
    with_them, without = (
        copied(each, parent, few, LINEAR) for each in (ExtractionWithExplanations(10.0), Extraction())
    )
    true = slopes(parent, dataset.test)
    errors = [(slopes(model, dataset.test) - true).norm() / true.norm() for model in (with_them, without)]
    assert errors[0] < 0.05
    assert errors[1] > 0.2
