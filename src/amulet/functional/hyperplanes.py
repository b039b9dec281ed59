"""The shortest step to a hyperplane within bounds. Croce and Hein 2020, https://arxiv.org/abs/1907.02044, eq. (4)."""

import torch
from torch import Tensor

from amulet.functional.balls import Norm


def shortest_step(normal: Tensor, gap: Tensor, room: tuple[Tensor, Tensor], norm: Norm) -> Tensor:
    """(n, d) the step s of least norm with normal . s = gap and room[0] <= s <= room[1]; exact, by sorting.

    Every input moves at its own pace (all alike for L-infinity, by the size of its normal for L2) until it
    meets its bound, so what is gained is piecewise linear in the time. Where no step reaches the hyperplane,
    the one that comes nearest.

    Args:
        normal: (n, d).
        gap: (n,) what the step must gain.
        room: (n, d) each, the least (at most 0) and the largest (at least 0) change of every input.
        norm: of which the step is shortest.
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
