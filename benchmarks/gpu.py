"""Training on a CUDA device: seconds an epoch, shadow models a minute, peak memory, and what other formats do.

Run it through benchmarks/gpu.sh. The images are CIFAR-sized noise whose class can be learned, kept as bytes on the
device. `fit` trains in float32. The lines "by hand" show what channels-last and bfloat16 would gain and whether the
training accuracy holds; they are no settings of Amulet's.
"""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from time import perf_counter

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from amulet.core.data import Data, Modality, Schema, as_inputs
from amulet.core.model import ModelSpec
from amulet.models import VGG, ResNet
from amulet.training import Recipe, fit_population
from amulet.training.loop import accuracy

DEVICE, BATCH, RECORDS, SHADOWS = "cuda", 256, 50_000, 4


def images(records: int) -> Data:
    """Noise; the mean of one channel in one of ten columns of pixels is raised by the class."""
    rng = torch.Generator().manual_seed(0)
    x = torch.randint(0, 200, (records, 3, 32, 32), dtype=torch.uint8, generator=rng)
    y = torch.randint(10, (records,), generator=rng)
    x[torch.arange(records), 0, :, 3 * y] += 50
    schema = Schema(Modality.IMAGE, (3, 32, 32), tuple("0123456789"))
    return Data(x, y, torch.zeros(records, 0).long(), torch.arange(records), schema)


def by_hand(spec: ModelSpec, data: Data, *, channels_last: bool, bf16: bool) -> nn.Module:
    """One epoch, batches by index, in the given formats."""
    torch.manual_seed(0)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model: nn.Module = spec.build(data.schema).to(DEVICE).to(memory_format=layout)  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    for places in torch.randperm(len(data), device=DEVICE).split(BATCH):
        x = as_inputs(data.x[places]).to(memory_format=layout)
        optimizer.zero_grad()
        with torch.autocast(DEVICE, torch.bfloat16) if bf16 else nullcontext():
            logits = model(x)
        cross_entropy(logits.float(), data.y[places]).backward()
        optimizer.step()
    return model


def measured(spec: ModelSpec, data: Data) -> Iterator[str]:
    """Lines about one architecture."""
    recipe = Recipe(spec, epochs=1, batch_size=BATCH)
    recipe.fit(data.at(torch.arange(BATCH, device=DEVICE)), seed=0, device=DEVICE)  # the libraries' first call
    torch.cuda.reset_peak_memory_stats()
    seconds, model = timed(lambda: recipe.fit(data, seed=0, device=DEVICE).model)
    peak = torch.cuda.max_memory_allocated() / 2**20
    yield f"{spec}, fit: {seconds:.2f} s an epoch, accuracy {accuracy(model, data):.3f}, peak {peak:,.0f} MiB"
    for channels_last, bf16 in ((False, False), (True, False), (False, True), (True, True)):
        seconds, model = timed(partial(by_hand, spec, data, channels_last=channels_last, bf16=bf16))
        form = " ".join(["bfloat16" if bf16 else "float32", *(["channels-last"] if channels_last else [])])
        yield f"{spec}, by hand in {form}: {seconds:.2f} s an epoch, accuracy {accuracy(model, data):.3f}"


def timed(work: Callable[[], nn.Module]) -> tuple[float, nn.Module]:
    """Seconds until the device is done."""
    torch.cuda.synchronize()
    started = perf_counter()
    model = work()
    torch.cuda.synchronize()
    return perf_counter() - started, model


def main() -> None:
    """Print as it goes."""
    print(torch.cuda.get_device_name(), torch.__version__)
    data = images(RECORDS).to(DEVICE)
    for spec in (VGG(11), ResNet(18)):
        for line in measured(spec, data):
            print(line, flush=True)
    halves = [torch.randperm(RECORDS)[: RECORDS // 2] for _ in range(SHADOWS)]
    torch.cuda.synchronize()
    started = perf_counter()
    for _ in fit_population(Recipe(ResNet(18), epochs=1, batch_size=BATCH), data, halves, range(SHADOWS), DEVICE):
        pass
    torch.cuda.synchronize()
    rate = 60 * SHADOWS / (perf_counter() - started)
    print(
        f"ResNet18 shadows of {RECORDS // 2:,} images: {rate:.1f} model epochs a minute, {rate / 20:.2f} models of 20"
    )


if __name__ == "__main__":
    main()
