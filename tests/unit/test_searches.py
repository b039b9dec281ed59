"""What AutoAttack's parts share: balls, bounds, frozen features, patches, step sizes."""

from typing import get_args

import pytest
import torch
from torch import Generator, Tensor, nn

from amulet.functional.perturbations.apgd import apgd, checkpoints_of, cross_entropy_of, targeted_dlr
from amulet.functional.perturbations.balls import Ball, Norm
from amulet.functional.perturbations.fab import fab
from amulet.functional.perturbations.patches import bump_of, patches_for, peak
from amulet.functional.perturbations.square import share_at, square

CPU = torch.device("cpu")


def test_step_sizes_are_looked_at_when_the_paper_says() -> None:
    """0, 22, 41, 57, 70, 80, 87, 93, 99 of 100 steps."""
    checkpoints = checkpoints_of(100)
    assert list(checkpoints) == [22, 41, 57, 70, 80, 87, 93, 99]
    assert list(checkpoints.values()) == [22, 19, 16, 13, 10, 7, 6, 6]


def test_patches_shrink_as_autoattack_has_them() -> None:
    assert [share_at(query) for query in (1, 10, 11, 51, 4999)] == [0.8, 0.8, 0.4, 0.2, 0.8 / 128]


def test_the_targeted_ratio_ignores_the_scale_of_logits() -> None:
    logits = torch.tensor([[3.0, 1.0, 0.0, -1.0, -2.0]])
    y, target = torch.tensor([0]), torch.tensor([1])
    assert targeted_dlr(logits, y, target).item() == pytest.approx(-2 / 3.5)
    assert targeted_dlr(7 * logits, y, target).item() == pytest.approx(-2 / 3.5)


def test_a_saturated_softmax_hides_nothing() -> None:
    """Where cross-entropy is zero to the last bit, Auto-PGD still climbs."""
    model = nn.Linear(2, 2, bias=False)
    model.weight.data = torch.tensor([[1e4, 0.0], [0.0, 1e4]])
    x, y = torch.tensor([[0.7, 0.3]]), torch.tensor([0])
    ball = Ball("linf", 0.25, 0.0, 1.0)
    found = apgd(model, x, y, y, ball, loss=cross_entropy_of, steps=10, rng=Generator().manual_seed(0))
    assert model(found).argmax(1).item() == 1


def test_a_peak_is_highest_in_the_middle() -> None:
    heights = peak(5, 5, CPU)
    assert heights.argmax() == 12
    assert torch.equal(heights, heights.flip(0))
    assert heights[2, 2] == pytest.approx(1 + 1 / 4 + 1 / 9)


@pytest.mark.parametrize("side", [1, 2, 3, 7])
def test_a_bump_has_length_one(side: int) -> None:
    assert bump_of(side, CPU).norm().item() == pytest.approx(1)


@pytest.mark.parametrize("shape", [(3, 8, 6), (1, 4, 4), (12,)])
@pytest.mark.parametrize("share", [0.8, 0.2, 0.001])
def test_a_patch_covers_its_share(shape: tuple[int, ...], share: float) -> None:
    patches = patches_for(shape, CPU)
    patch = patches.draw(40, share, Generator().manual_seed(0))
    covered = patch.mask.sum((1, 2)).unique()
    assert len(covered) == 1
    most = min(shape[-2:]) ** 2 if len(shape) == 3 else shape[0]
    assert covered.item() == pytest.approx(min(max(share * patches.cells, 1), most), rel=0.4)
    assert (patch.bump[~patch.mask.expand_as(patch.bump)] == 0).all()
    assert patch.bump.norm(dim=2).flatten().numpy() == pytest.approx(1)


@pytest.mark.parametrize("norm", get_args(Norm))
@pytest.mark.parametrize("shape", [(2, 6, 6), (9,)])
@pytest.mark.parametrize("search", ["apgd", "fab", "square"])
def test_examples_stay_in_the_ball_and_the_bounds_and_leave_frozen_features_alone(
    norm: Norm, shape: tuple[int, ...], search: str
) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(int(torch.tensor(shape).prod()), 5))
    rng = Generator().manual_seed(3)
    x = torch.rand(20, *shape, generator=rng).mul(1.5).sub(0.25).clamp(0, 1)
    y = model(x).argmax(1)
    free = torch.rand(shape, generator=rng) < 0.6
    ball = Ball(norm, 0.2 if norm == "linf" else 0.6, 0.0, 1.0, free)
    target = model(x).argsort(1, descending=True)[:, 1]
    found = {
        "apgd": lambda: apgd(model, x, y, target, ball, loss=targeted_dlr, steps=15, rng=rng),
        "fab": lambda: fab(model, x, y, target, ball, steps=15),
        "square": lambda: square(model, x, y, ball, queries=60, rng=rng),
    }[search]()
    assert (model(found).argmax(1) != y).any()
    assert (ball.size(found - x) <= ball.radius + 1e-6).all()
    assert found.min() >= 0
    assert found.max() <= 1
    assert changed(found, x)[..., ~free].sum() == 0


def changed(found: Tensor, x: Tensor) -> Tensor:
    return found != x


def test_what_falls_at_a_checkpoint_stays_fallen() -> None:
    """Wrong, though the loss of the target fell, at the step at which others go back to their best point."""
    checkpoint, seen = 2, list[Tensor]()
    assert next(iter(checkpoints_of(9))) == checkpoint

    def model(x: Tensor) -> Tensor:
        seen.append(x.detach())
        logits = [[0.0, -5.0, 0.0, 0.0, 1.0] if len(seen) == checkpoint + 1 else [1.0, 0.5, 0.0, 0.0, 0.0]]
        turned = -1e-3 if len(seen) == checkpoint else 1e-3  # the last step leads elsewhere
        return torch.tensor(logits) + torch.tensor([0.0, turned, 0.0, 0.0, 0.0]) * x.sum()

    x, y, target = torch.tensor([[0.5]]), torch.tensor([0]), torch.tensor([1])
    ball = Ball("linf", 0.1, 0.0, 1.0)
    found = apgd(model, x, y, target, ball, loss=targeted_dlr, steps=9, rng=Generator().manual_seed(0))
    assert len(seen) == checkpoint + 1
    assert torch.equal(found, seen[-1])
