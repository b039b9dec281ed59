"""Minimum distances of dataset inference: all records, classes and norms at once, and one class and norm at a time.

Run it with: python benchmarks/dataset_inference.py. It prints, for images of ten classes and a small convolutional
network, the seconds of the batched search; of the same search for one class at a time and for one record at a time;
and of descent with steps of a fixed length, for one class and one norm at a time, which public code uses. The slow ones
are timed on fewer records or steps, as printed, and their seconds are scaled to all. It takes about ten minutes on one
core.
"""

from time import perf_counter

import torch
from torch import Tensor, nn

from amulet.datasets import Digits
from amulet.functional.perturbations.balls import unit
from amulet.functional.perturbations.minimum_distance import (
    DISTANCES,
    Distance,
    margins_and_gradients,
    minimum_distances,
)
from amulet.models import SimpleCNN
from amulet.training import Recipe

RECORDS, CLASSES, STEPS = 200, 10, 20
FIXED: dict[Distance, float] = {"l1": 1.0, "l2": 0.01, "linf": 0.001}
"""The step lengths of public code for images in 0..1."""

ITERATIONS = 500
"""The largest number of its steps."""

MOST_L1 = 100
"""How many inputs its L1 step changes."""


def fixed_steps(
    model: nn.Module, x: Tensor, target: int, norm: Distance, iterations: int, *, drop: bool
) -> tuple[Tensor, Tensor]:
    """Distances to one class in one norm by steps of a fixed length, and whether the class was reached."""
    here, live = x.clone(), torch.arange(len(x))
    found, done = torch.zeros(len(x)), torch.zeros(len(x), dtype=torch.bool)
    for _ in range(iterations):
        margins, gradients = margins_and_gradients(model, here[live], torch.full((len(live),), target))
        done[live] |= margins <= 0
        moving = margins > 0
        steps = FIXED[norm] * direction(gradients, norm) * moving.view(-1, 1, 1, 1)
        here[live] = (here[live] - steps).clamp(0, 1)
        live = live[moving] if drop else live
        if len(live) == 0:
            break
    order = {"l1": 1, "l2": 2, "linf": torch.inf}[norm]
    found = torch.linalg.vector_norm((here - x).flatten(1), order, dim=1)
    return found, done


def direction(gradients: Tensor, norm: Distance) -> Tensor:
    """The direction of a step of length one."""
    if norm == "linf":
        return gradients.sign()
    if norm == "l2":
        return unit(gradients)
    flat = gradients.flatten(1)
    count = min(MOST_L1, flat.shape[1])
    least = flat.abs().topk(count, 1).values[:, -1:]
    return ((flat.abs() >= least) * flat.sign()).view_as(gradients) / count


def main() -> None:
    """One network, four ways."""
    torch.set_num_threads(1)
    data = Digits().load()
    model = Recipe(SimpleCNN((16, 32), hidden=64), epochs=10).fit(data.train, seed=0).model.eval()
    x = data.test.as_inputs().x[:RECORDS]
    targets = torch.arange(CLASSES).expand(len(x), CLASSES)

    started = perf_counter()
    ours = minimum_distances(model, x, targets, (0.0, 1.0), steps=STEPS)
    batched = perf_counter() - started
    print(f"{'all at once':58} {batched:8.1f} s")

    started = perf_counter()
    for target in range(CLASSES):
        minimum_distances(model, x, targets[:, target : target + 1], (0.0, 1.0), steps=STEPS)
    report("the same steps, one class at a time", perf_counter() - started, batched)

    some = 4
    started = perf_counter()
    for record in range(some):
        for target in range(CLASSES):
            minimum_distances(model, x[record : record + 1], targets[:1, target : target + 1], (0.0, 1.0), steps=STEPS)
    report(f"one record at a time (of {some})", (perf_counter() - started) * RECORDS / some, batched)

    for drop, iterations in ((True, ITERATIONS), (False, 50)):
        compare(model, x, ours, batched, iterations, drop=drop)


def compare(model: nn.Module, x: Tensor, ours: Tensor, batched: float, iterations: int, *, drop: bool) -> None:
    """Fixed steps for two of the classes, scaled to all."""
    chosen = (3, 8)
    started = perf_counter()
    pairs = [
        (place, target, *fixed_steps(model, x, target, norm, iterations, drop=drop))
        for place, norm in enumerate(DISTANCES)
        for target in chosen
    ]
    scale = CLASSES / len(chosen) * ITERATIONS / iterations if not drop else CLASSES / len(chosen)
    kind = "ended where the class is reached" if drop else "always 500"
    report(f"fixed steps, one class and norm at a time, {kind}", (perf_counter() - started) * scale, batched)
    if drop:
        for place, norm in enumerate(DISTANCES):
            both = [(found[done], ours[done, place, target]) for at, target, found, done in pairs if at == place]
            theirs, mine = (torch.cat(each) for each in zip(*both, strict=True))
            missed = 1 - len(theirs) / (len(chosen) * len(x))
            print(
                f"  {norm}: mean distance {mine.mean():.3g}, by fixed steps {theirs.mean():.3g} ({missed:.0%} missed)"
            )


def report(what: str, seconds: float, batched: float) -> None:
    """A line with the factor."""
    print(f"{what:58} {seconds:8.1f} s   {seconds / batched:6.1f} times", flush=True)


if __name__ == "__main__":
    main()
