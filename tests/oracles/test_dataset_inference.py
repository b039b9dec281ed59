"""Dataset inference against closed forms, against searches of one record at a time, and against chance."""

from dataclasses import replace

import pytest
import torch
from scipy import stats
from torch import Generator, Tensor, nn

from amulet.core.data import Data, Modality, Schema
from amulet.core.threat import Access, TrainedModel, opened
from amulet.functional.perturbations.blind_walk import blind_walk, random_directions
from amulet.functional.perturbations.hyperplanes import shortest_step
from amulet.functional.perturbations.minimum_distance import (
    DISTANCES,
    GROWTH,
    OVERSHOOT,
    minimum_distances,
    shortest_l1_step,
)
from amulet.models import LinearNet
from amulet.statistics.welch import welch_greater
from amulet.training import Adam, Recipe
from amulet.unauthorized_model_ownership.claims import Owner
from amulet.unauthorized_model_ownership.defenses.dataset_inference import DatasetInference

FEATURES, CLASSES = 12, 3


def records(count: int, seed: int) -> Data:
    """Classes that overlap, so that a model learns its records by heart."""
    rng = Generator().manual_seed(seed)
    schema = Schema(Modality.TABULAR, (FEATURES,), tuple("abc"))
    x = torch.rand(count, FEATURES, generator=rng)
    y = (CLASSES * (0.3 * x[:, 0] + 0.7 * torch.rand(count, generator=rng))).long().clamp_max(CLASSES - 1)
    return Data(x, y, torch.zeros(count, 0, dtype=torch.int64), torch.arange(count), schema)


def part(data: Data, first: int, last: int) -> Data:
    return data[torch.arange(first, last)]


def small_network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(FEATURES, 16), nn.Tanh(), nn.Linear(16, CLASSES)).eval()


def test_distances_for_a_linear_model_have_their_closed_form() -> None:
    """With two classes and far bounds: the margin over the dual norm of the difference of the weights."""
    torch.manual_seed(0)
    model = nn.Linear(FEATURES, 2).double()
    x = torch.rand(50, FEATURES, dtype=torch.float64)
    both = torch.tensor([[0, 1]]).expand(50, 2)
    found = minimum_distances(model, x, both, (-1e3, 1e3), steps=20)
    logits, normal = model(x).detach(), (model.weight[0] - model.weight[1]).detach()
    gap = (logits[:, 0] - logits[:, 1]).abs()
    other = found.gather(2, (1 - logits.argmax(1)).view(-1, 1, 1).expand(-1, 3, 1)).squeeze(2)
    exact = torch.stack([gap / normal.abs().max(), gap / normal.norm(), gap / normal.abs().sum()], 1)
    assert torch.allclose(other, OVERSHOOT * exact)
    assert (found.gather(2, logits.argmax(1).view(-1, 1, 1).expand(-1, 3, 1)) == 0).all()


def test_distances_are_those_of_one_search_at_a_time() -> None:
    model, x = small_network(), records(20, 0).x
    targets = torch.arange(CLASSES).expand(20, CLASSES)
    found = minimum_distances(model, x, targets, (0.0, 1.0), steps=6)
    for record in range(20):
        for place, norm in enumerate(DISTANCES):
            for target in range(CLASSES):
                expected = one_distance(model, x[record], target, norm, steps=6)
                assert found[record, place, target].item() == pytest.approx(expected, rel=1e-3, abs=1e-5)


def one_distance(model: nn.Module, x: Tensor, target: int, norm: str, steps: int) -> float:
    """One record, one class, one norm, one step after the other."""
    here = x.clone()
    for step in range(steps):
        leaf = here.clone().requires_grad_()
        logits = model(leaf[None])[0]
        others = [logits[other] for other in range(CLASSES) if other != target]
        margin = torch.stack(others).max() - logits[target]
        if margin <= 0:
            break
        margin.backward()
        assert leaf.grad is not None
        gap = OVERSHOOT * GROWTH**step * margin.item()
        here = (here + least_change(leaf.grad, gap, here, norm)).clamp(0, 1)
    change = here - x
    return float(torch.linalg.vector_norm(change, {"l1": 1, "l2": 2, "linf": torch.inf}[norm]))


def least_change(slope: Tensor, gap: float, here: Tensor, norm: str) -> Tensor:
    """The smallest change within [0, 1] that lowers a linear function by `gap`, by bisection or one input at a time."""
    room = torch.where(slope > 0, here, 1 - here)
    if norm == "l1":
        change, left = torch.zeros_like(here), gap
        for place in slope.abs().argsort(descending=True).tolist():
            most = room[place].item()
            change[place] = min(most, max(left, 0.0) / max(slope[place].abs().item(), 1e-30))
            left -= slope[place].abs().item() * most
        return -slope.sign() * change
    pace = torch.ones_like(slope) if norm == "linf" else slope.abs()
    low, high = 0.0, (room / pace.clamp_min(1e-12)).max().item()
    for _ in range(60):
        middle = (low + high) / 2
        enough = (torch.minimum(middle * pace, room) * slope.abs()).sum().item() >= gap
        low, high = (low, middle) if enough else (middle, high)
    return -slope.sign() * torch.minimum(high * pace, room)


def test_an_l1_step_is_the_shortest() -> None:
    """No longer in the L1 norm than the shortest steps in other norms, and it reaches the hyperplane."""
    rng = Generator().manual_seed(0)
    normal, x = torch.randn(100, 8, generator=rng), torch.rand(100, 8, generator=rng)
    gap, room = -torch.rand(100, generator=rng), (-x, 1 - x)
    step = shortest_l1_step(normal, gap, room)
    reached = (normal * step).sum(1)
    for norm in ("l2", "linf"):
        other = shortest_step(normal, gap, room, norm)
        same = torch.isclose((normal * other).sum(1), reached, atol=1e-5)
        assert (step.abs().sum(1) <= other.abs().sum(1) + 1e-5)[same].all()
    possible = torch.minimum(normal * room[0], normal * room[1]).sum(1) <= gap
    assert torch.allclose(reached[possible], gap[possible], atol=1e-5)
    assert possible.sum() > 50


def test_blind_walks_are_those_of_one_walk_at_a_time() -> None:
    model, data = small_network(), records(15, 1)
    directions = 0.2 * random_directions(data.x, 2, Generator().manual_seed(0))
    found = blind_walk(
        lambda moved, _: model(moved).argmax(1), data.x, data.y, directions, (0.0, 1.0), steps=8
    ).flatten(1)
    for record, paths in enumerate(directions.flatten(1, 2)):
        for place, path in enumerate(paths):
            steps = [min(max(step, 0), 9) for step in range(10)]
            moved = torch.stack([(data.x[record] + step * path).clamp(0, 1) for step in steps[:9]])
            changed = (model(moved).argmax(1) != data.y[record]).nonzero().flatten().tolist()
            assert found[record, place].item() == (changed[0] if changed else 9)


def test_directions_have_mean_zero_variance_one_and_their_own_shapes() -> None:
    noise = random_directions(torch.zeros(1, 200_000), 1, Generator().manual_seed(0))[0, :, 0].double()
    assert noise.mean(1).abs().max() < 0.02
    assert (noise.var(1) - 1).abs().max() < 0.03
    kurtosis = noise.pow(4).mean(1)  # of a uniform, a normal and a Laplace variable of variance one
    assert torch.allclose(kurtosis, torch.tensor([1.8, 3.0, 6.0], dtype=torch.float64), rtol=0.1)


def test_the_p_value_is_that_of_welchs_test() -> None:
    rng = Generator().manual_seed(0)
    first, second = torch.randn(20, generator=rng).tolist(), (2 * torch.randn(35, generator=rng) - 1).tolist()
    expected = stats.ttest_ind(first, second, equal_var=False, alternative="greater").pvalue
    assert welch_greater(first, second) == pytest.approx(expected)
    assert welch_greater(second, first) == pytest.approx(1 - expected)


@pytest.fixture(scope="module")
def data() -> Data:
    return records(1200, 2)


RECIPE = Recipe(LinearNet(hidden=(64,), norm="none"), epochs=60, batch_size=32, optimizer=Adam(lr=5e-3))


@pytest.fixture(scope="module")
def owner(data: Data) -> Owner:
    members = part(data, 0, 300)
    return Owner(TrainedModel.of(RECIPE.fit(members, seed=0), members.index), members, part(data, 300, 600))


@pytest.mark.parametrize("walk", ["gradient", "blind"])
def test_it_finds_the_victim_and_a_model_of_the_same_records(owner: Owner, walk: str) -> None:
    claim = DatasetInference(records=300, walk=walk)  # type: ignore[arg-type]
    assert claim.claim(owner.model.model, owner) < 0.01
    again = RECIPE.fit(owner.records, seed=1).model
    assert claim.claim(again, owner) < 0.01


def test_rows_that_mix_records_would_find_nothing(owner: Owner) -> None:
    """What a wrong reshape does: features of a record scattered over several rows."""
    claim = DatasetInference(records=300)
    with opened(owner.model.model, Access.WEIGHTS) as target:
        found = claim._distances(target, owner.records)
    assert found.shape == (300, 6)
    alone = claim._distances  # each record's row is the same when it is asked for by itself
    with opened(owner.model.model, Access.WEIGHTS) as target:
        for record in range(0, 300, 50):
            assert torch.allclose(alone(target, part(owner.records, record, record + 1))[0], found[record], rtol=1e-3)


def test_a_model_that_saw_neither_half_is_accused_no_more_often_than_stated(data: Data, owner: Owner) -> None:
    """Training and held-out records change places at random; the suspect was trained on neither."""
    suspect = RECIPE.fit(part(data, 600, 900), seed=3).model
    claim, both = DatasetInference(records=100), part(data, 0, 600)
    accused, repetitions = 0, 60
    for repetition in range(repetitions):
        order = torch.randperm(600, generator=Generator().manual_seed(repetition))
        swapped = replace(owner, records=both[order[:300]], held_out=both[order[300:]], seed=repetition)
        p = claim.claim(suspect, swapped)
        assert 0 <= p <= 1
        accused += p <= 0.05
    assert stats.binomtest(accused, repetitions, 0.05).pvalue > 0.01
