"""The shortest step to a hyperplane within bounds. Croce and Hein 2020, https://arxiv.org/abs/1907.02044, eq. (4)."""

import torch
from torch import Tensor

from amulet.functional.perturbations.balls import Norm


def shortest_step(normal: Tensor, gap: Tensor, room: tuple[Tensor, Tensor], norm: Norm) -> Tensor:
    """The step s of smallest norm with normal . s = gap and room[0] <= s <= room[1], solved exactly by sorting.

    The solution is on a path along which every input changes at a constant rate (the same for all in L-infinity, its
    |normal| in L2) until it reaches its bound. So normal . s is piecewise linear in the length of the path.

    Args:
        normal: (n, d) normal vectors of the hyperplanes.
        gap: (n,) the value that normal . s must have.
        room: the smallest (at most 0) and the largest (at least 0) change of every input, (n, d) each.
        norm: the norm that is minimised.

    Returns:
        (n, d) steps. Where the bounds allow no step to the hyperplane, the one that comes nearest to it.

    Example:
        >>> normal, gap, bounds = torch.tensor([[1.0, 2.0]]), torch.tensor([1.0]), torch.ones(1, 2)
        >>> shortest_step(normal, gap, (-bounds, bounds), "l2")
        tensor([[0.2000, 0.4000]])
        >>> shortest_step(normal, gap, (-bounds, bounds), "linf")
        tensor([[0.3333, 0.3333]])
    """
    direction = normal.sign() * gap.sign()[:, None]
    gain = normal.abs()
    room_ahead = torch.where(direction > 0, room[1], -room[0])
    pace = torch.ones_like(gain) if norm == "linf" else gain
    ends = room_ahead / pace.clamp_min(1e-20)
    ends, order = ends.sort(1)
    spent = (gain * room_ahead).gather(1, order).cumsum(1)
    speeds = (gain * pace).gather(1, order)
    left = (speeds.sum(1, keepdim=True) - speeds.cumsum(1)).clamp_min(0)
    reached = (spent + left * ends >= gap.abs()[:, None]).int()
    stretch = torch.where(reached.any(1), reached.argmax(1), ends.shape[1] - 1)[:, None]
    earlier = spent.gather(1, stretch) - (gain * room_ahead).gather(1, order).gather(1, stretch)
    speed = left.gather(1, stretch) + speeds.gather(1, stretch)
    time = (gap.abs()[:, None] - earlier) / speed.clamp_min(1e-30)
    return direction * torch.minimum(time.clamp_min(0) * pace, room_ahead)
