"""What it saves to invert all classes of a model in one batch: beside one class after the other, and a plain loop.

Run it with: python benchmarks/model_inversion.py [STEPS]. It inverts VGG-11 with ten classes, on one thread, and prints
milliseconds of CPU time a step, for images of several sizes. The sides take turns, so that other work on the machine
meets all of them; only the ratios, taken in one run, are worth comparing.
"""

import sys
from collections.abc import Callable
from statistics import median
from time import process_time

import torch
from torch import Tensor, nn

from amulet.core.data import Modality, Schema
from amulet.functional.inversion import inverted
from amulet.models import VGG

Side = Callable[[nn.Module, Tensor, int], None]
CLASSES, TURNS = 10, 5
SIZES = {
    "8 x 8, grey": (1, 8, 8),
    "28 x 28, grey (FashionMNIST)": (1, 28, 28),
    "32 x 32, colour (CIFAR-10)": (3, 32, 32),
}
SETTINGS = {"step_size": 0.1, "bounds": (0.0, 1.0)}


def all_at_once(model: nn.Module, start: Tensor, steps: int) -> None:
    """As `ModelInversion` does."""
    inverted(model, torch.arange(CLASSES), start, steps=steps, **SETTINGS)  # type: ignore[arg-type]


def one_by_one(model: nn.Module, start: Tensor, steps: int) -> None:
    """The same code with a batch of one record for each class."""
    for label in range(CLASSES):
        inverted(model, torch.tensor([label]), start[[label]], steps=steps, **SETTINGS)  # type: ignore[arg-type]


def plain_loop(model: nn.Module, start: Tensor, steps: int) -> None:
    """As it is often written: one class after the other, with gradients of the weights as well."""
    for label in range(CLASSES):
        x = start[[label]].clone().requires_grad_()
        optimizer = torch.optim.SGD([x], lr=0.1)
        for _ in range(steps):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), torch.tensor([label])).backward()
            optimizer.step()
            x.data.clamp_(0, 1)


def compare(name: str, shape: tuple[int, ...], steps: int) -> None:
    """One line: milliseconds of each side, and how many times as long as all classes at once the others take."""
    torch.manual_seed(0)
    schema = Schema(Modality.IMAGE, shape, tuple(map(str, range(CLASSES))))
    model, start = VGG(11).build(schema).eval(), torch.rand(CLASSES, *shape)
    sides: tuple[Side, ...] = (all_at_once, one_by_one, plain_loop)
    times: dict[str, list[float]] = {side.__name__: [] for side in sides}
    for side in sides:
        side(model, start, 1)  # which does not count
    for _ in range(TURNS):
        for side in sides:
            began = process_time()
            side(model, start, steps // TURNS)
            times[side.__name__].append(1000 * (process_time() - began) / (steps // TURNS))
    batched, single, plain = (median(found) for found in times.values())
    print(f"{name}: {batched:.0f} ms a step at once; one by one {single / batched:.1f} times as long, "
          f"plain loop {plain / batched:.1f} times")  # fmt: skip


if __name__ == "__main__":
    torch.set_num_threads(1)
    for size, dimensions in SIZES.items():
        compare(size, dimensions, int(sys.argv[1]) if len(sys.argv) > 1 else 300)
