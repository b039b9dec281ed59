"""RelaxLoss against Algorithm 1 of Chen et al. 2022, written out, and its effect on a model that learns by heart."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from amulet.core.data import Data
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import Conflict
from amulet.core.split import Split
from amulet.datasets import Digits, Mortgages, from_arrays
from amulet.derivations.extraction import SquaredLogitError
from amulet.experiments import Experiment, Row, plan
from amulet.membership_inference.attacks import LossThreshold
from amulet.membership_inference.defenses import DPSGD, EarlyStopping, RelaxLoss
from amulet.membership_inference.defenses.relax_loss import flattening
from amulet.membership_inference.metrics import auc
from amulet.models import LinearNet
from amulet.testing import toy_dataset
from amulet.training import Adam, LogitAdjustment, Pace, Recipe
from amulet.training.loop import accuracy, record_losses

RECIPE = Recipe(LinearNet(hidden=(5,), norm="none"))


def descent(logits: Tensor, y: Tensor) -> Tensor:
    return cross_entropy(logits, y)


def ascent(logits: Tensor, y: Tensor) -> Tensor:
    return -cross_entropy(logits, y)


def flattened(logits: Tensor, y: Tensor) -> Tensor:
    """Equation 7 and the last line of Algorithm 1, record by record."""
    total = torch.zeros(())
    for row, label in zip(logits, y.tolist(), strict=True):
        true = row.softmax(0)[label].item()
        targets = [true if c == label else (1 - true) / (len(row) - 1) for c in range(len(row))]
        total = total - sum(target * row.log_softmax(0)[c] for c, target in enumerate(targets))
    return total / len(y)


@pytest.mark.parametrize(
    ("alpha", "epoch", "expected"),
    [
        (0.0, 0, descent),
        (0.1, 1, descent),
        (9.0, 0, ascent),
        (9.0, 1, flattened),
        (9.0, 2, ascent),
    ],
    ids=["alpha 0", "above alpha", "below, even", "below, odd", "below, even again"],
)
def test_each_step_is_that_of_algorithm_1(
    double: None, images: AmuletDataset, alpha: float, epoch: int, expected: Callable[[Tensor, Tensor], Tensor]
) -> None:
    del double
    torch.manual_seed(0)
    batch = replace(images.train.as_inputs(), x=images.train.as_inputs().x.double())
    model = RECIPE.build(images.schema)
    penalty = RelaxLoss(alpha=alpha).begin(images.schema, Pace(len(batch), 20, 3), 0, "cpu")
    for _ in range(epoch + 1):
        penalty.learn(torch.empty(0), batch)
    losses = record_losses(RECIPE, batch, [penalty])
    found = gradients(model, losses(model, batch).mean())
    assert_close(found, gradients(model, expected(model(batch.x), batch.y)))


def gradients(model: torch.nn.Module, loss: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(loss, list(model.parameters())))


def assert_close(found: list[Tensor], expected: list[Tensor]) -> None:
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


def test_the_epoch_changes_when_all_records_were_seen(images: AmuletDataset) -> None:
    """In batches of 20 of 60 records: three of gradient ascent, then three of flattening."""
    penalty = RelaxLoss(alpha=9.0).begin(images.schema, Pace(60, 20, 2), 0, "cpu")
    logits, batch = torch.zeros(20, 3), images.train[torch.arange(20)]
    kinds = []
    for _ in range(6):
        penalty.learn(logits, batch)
        kinds.append(bool(penalty.penalize(torch.nn.Identity(), logits, batch)[0] < -1.5))
    assert kinds == [True] * 3 + [False] * 3


def test_flattening_keeps_the_true_class_and_evens_out_the_others() -> None:
    logits = torch.tensor([[2.0, 1.0, -1.0]], requires_grad=True)
    flattening(logits, torch.tensor([0])).sum().backward()
    probabilities = logits.detach().softmax(1)
    assert logits.grad is not None
    even = (1 - probabilities[0, 0]) / 2
    torch.testing.assert_close(logits.grad[0], torch.stack([torch.zeros(()), *(probabilities[0, 1:] - even)]))


def test_two_classes_have_nothing_to_even_out() -> None:
    logits = torch.tensor([[2.0, -1.0]], requires_grad=True)
    flattening(logits, torch.tensor([1])).sum().backward()
    torch.testing.assert_close(logits.grad, torch.zeros(1, 2))


def test_it_is_refused_beside_what_it_would_void_or_distort() -> None:
    """The mean over a batch depends on all its records; another objective's mean is no cross-entropy."""
    with pytest.raises(Conflict, match="DPSGD cannot be combined with RelaxLoss, which uses the data set as a whole"):
        RelaxLoss().apply(DPSGD().apply(RECIPE))
    with pytest.raises(Conflict, match="'objective' of a recipe with RelaxLoss must be CrossEntropy or LogitAdjust"):
        RelaxLoss().apply(replace(RECIPE, objective=SquaredLogitError()))


@pytest.mark.parametrize("epoch", [0, 1])
def test_with_adjusted_logits_each_step_is_that_of_the_model_that_has_them(
    double: None, images: AmuletDataset, epoch: int
) -> None:
    """Algorithm 1 on f(x) + tau log(shares) under the plain cross-entropy has the same gradient."""
    del double
    torch.manual_seed(0)
    batch = replace(images.train.as_inputs(), x=images.train.as_inputs().x.double())
    objective = LogitAdjustment(class_shares=(0.7, 0.2, 0.1), tau=0.8)
    shift = 0.8 * torch.tensor([0.7, 0.2, 0.1]).log()
    model = RECIPE.build(images.schema)
    penalty = RelaxLoss(alpha=9.0).begin(images.schema, Pace(len(batch), 20, 3), 0, "cpu")
    for _ in range(epoch + 1):
        penalty.learn(torch.empty(0), batch)
    losses = record_losses(replace(RECIPE, objective=objective), batch, [penalty])
    expected = (ascent, flattened)[epoch](model(batch.x) + shift, batch.y)
    assert_close(gradients(model, losses(model, batch).mean()), gradients(model, expected))


def test_members_stand_out_less_and_accuracy_stays() -> None:
    """The published direction, on digits of which a tenth has a wrong label, as memorised as the others without it."""
    train, test = Digits().load().train, Digits().load().test
    division = Split().divide(len(train))
    members, others = mislabelled(train[division.members]), mislabelled(train[division.auxiliary])
    recipe = Recipe(LinearNet(hidden=(128,), norm="group"), epochs=40, batch_size=64, optimizer=Adam(lr=5e-3))
    plain, relaxed = (each.fit(members, seed=0).model for each in (recipe, RelaxLoss(alpha=0.6).apply(recipe)))
    leak = {model: auc(LossThreshold().attack(model, members, others)) for model in (plain, relaxed)}
    assert float(leak[relaxed]) < float(leak[plain]) - 0.02  # type: ignore[arg-type]
    assert accuracy(relaxed, test) > accuracy(plain, test) - 0.01


def mislabelled(data: Data) -> Data:
    """Every tenth record under the next class."""
    wrong = torch.arange(len(data)) % 10 == 0
    return replace(data, y=torch.where(wrong, (data.y + 1) % 10, data.y))


def test_the_usual_target_lies_below_what_a_model_reaches_that_knows_nothing() -> None:
    mortgages = Mortgages().load()
    denied = mortgages.train.y.double().mean()
    knows_nothing = cross_entropy(
        torch.stack([1 - denied, denied]).log().expand(len(mortgages.train), 2), mortgages.train.y
    )
    assert RelaxLoss.for_data(mortgages, Split()) == (RelaxLoss(alpha=round(knows_nothing.item() / 2, 2)),)
    assert RelaxLoss.for_data(Digits().load(), Split()) == (RelaxLoss(),)  # with ten classes it is 2.3 nats


@pytest.mark.parametrize(("rare", "alpha"), [(5000, 0.35), (100, 0.028), (10, 0.004), (1, 0.00051)])
def test_a_rare_class_leaves_a_target_above_zero(rare: int, alpha: float) -> None:
    y = np.arange(10_000) < rare
    records = (np.arange(10_000.0)[:, None], y.astype(int))
    assert RelaxLoss.for_data(from_arrays(records, records), Split()) == (RelaxLoss(alpha=alpha),)


def test_a_target_that_a_model_without_inputs_reaches_is_told_of() -> None:
    """88% of the decisions are approvals, an entropy of 0.37 nats."""
    records = Mortgages().load().train
    [sentence] = RelaxLoss(alpha=0.5).notices(records)
    assert sentence == (
        "RelaxLoss keeps the mean loss of a batch from falling below its alpha, 0.5 nats. A model that only knows how "
        "frequent each class is has a loss of 0.37 already, so that hardly anything is learned. Set alpha well below "
        "that, such as 0.19."
    )
    assert not list(RelaxLoss(alpha=0.19).notices(records))
    row = Row("relaxed", (RelaxLoss(alpha=2.0),))
    planned = plan(Experiment("e", None, RECIPE, (row,), seeds=1), toy_dataset())
    assert any(notice.startswith("Row 'relaxed': RelaxLoss(alpha=2) keeps") for notice in planned.notices)


def test_a_target_of_zero_is_training_as_usual_of_whatever_records() -> None:
    inputs, one = np.arange(10.0)[:, None], np.zeros(10, int)
    alike = from_arrays((inputs, one), (inputs + 10, np.arange(10) % 2)).train
    assert not list(RelaxLoss(alpha=0).notices(alike))


def test_a_target_of_the_recipe_itself_is_told_of() -> None:
    recipe = RECIPE.with_stage(RelaxLoss(alpha=2.0))
    row = Row("stopped", (EarlyStopping(),))
    planned = plan(Experiment("e", None, recipe, (row,), seeds=1), toy_dataset())
    [notice] = (notice for notice in planned.notices if "mean loss" in notice)
    assert notice.startswith("Row 'undefended': RelaxLoss(alpha=2)")
