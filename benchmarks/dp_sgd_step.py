"""What one DP-SGD step costs beside a plain one: clipped sums by layer, and record by record through torch.func.

Run it with: python benchmarks/dp_sgd_step.py. It prints milliseconds of one core and their ratios; only the
ratios, taken in one run, are worth comparing.
"""

from collections.abc import Callable
from statistics import median
from time import process_time

import torch

from amulet.core.model import ModelSpec
from amulet.datasets import DatasetSpec, Digits
from amulet.models import LinearNet, SimpleCNN
from amulet.training import Recipe
from amulet.training.clipped_sums import clipped_sum_by_layer, clipped_sum_by_record
from amulet.training.loop import record_losses

REPEATS = 15


def milliseconds(work: Callable[[], object]) -> float:
    """The median over repeats, after one run that does not count."""
    work()
    times = []
    for _ in range(REPEATS):
        started = process_time()
        work()
        times.append(process_time() - started)
    return 1000 * median(times)


def compare(spec: ModelSpec, source: DatasetSpec, batch_size: int) -> None:
    """One line per way to turn a batch into a gradient."""
    data = source.load().train
    torch.manual_seed(0)
    model, batch = spec.build(data.schema), data[torch.arange(batch_size)]
    losses = record_losses(Recipe(spec), data)

    def plain() -> None:
        model.zero_grad()
        losses(model, batch).mean().backward()

    times = {
        "plain": milliseconds(plain),
        "by layer": milliseconds(lambda: clipped_sum_by_layer(losses, model, batch, 1.0)),
        "by record": milliseconds(lambda: clipped_sum_by_record(losses, model, batch, 1.0)),
    }
    print(f"{spec}, batch {batch_size}")
    for name, time in times.items():
        print(f"  {name:10} {time:8.2f} ms   {time / times['plain']:5.1f} x plain")


if __name__ == "__main__":
    torch.set_num_threads(1)
    compare(LinearNet(norm="group"), Digits(), 256)
    compare(SimpleCNN(norm="group"), Digits(), 256)
