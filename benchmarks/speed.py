"""What Amulet's training costs beside plain PyTorch loops and Opacus, both sides of each comparison in one run.

Run it with: make bench. It takes about ten minutes of one core, and writes benchmarks/results/speed.md. Both sides
run in turn and the least CPU time of each counts, so that a busy machine does not favour one of them; only the ratios
are worth comparing between machines. `--small` is a quick run on few records that writes nothing.
"""

import argparse
import platform
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import process_time

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from amulet.core.data import Data, Modality, Schema, as_inputs
from amulet.core.model import ModelSpec
from amulet.evasion.attacks import AutoAttack
from amulet.evasion.defenses import AdversarialTraining
from amulet.models import VGG, LinearNet
from amulet.training import DPSGD, Recipe, fit_population

RESULTS = Path(__file__).parent / "results" / "speed.md"
BATCH = 256
EPSILON, STEPS = 0.05, 10


@dataclass(frozen=True)
class Comparison:
    """Two ways to do one thing, and how much more of the other's time the first may take."""

    name: str
    ours: Callable[[], object]
    theirs: Callable[[], object]
    other: str
    most: float
    repeats: int = 3

    def line(self) -> str:
        """One row of the table, after both sides have run in turn."""
        times: list[tuple[float, float]] = [(seconds(self.ours), seconds(self.theirs)) for _ in range(self.repeats)]
        ours, theirs = (min(side) for side in zip(*times, strict=True))
        kept = "yes" if ours <= self.most * theirs else "NO"
        return (
            f"| {self.name} | {ours:.2f} | {self.other} | {theirs:.2f} | {ours / theirs:.2f} | {self.most} | {kept} |"
        )


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds of one run."""
    started = process_time()
    work()
    return process_time() - started


def rows(records: int) -> Data:
    """Numbers in two classes, 93 a record, as many as a census has columns."""
    x = torch.rand(records, 93, generator=torch.Generator().manual_seed(0))
    schema = Schema(Modality.TABULAR, (93,), ("no", "yes"))
    return Data(x, (x[:, :5].sum(1) > 2.5).long(), torch.zeros(records, 0).long(), torch.arange(records), schema)


def images(records: int) -> Data:
    """Bytes, 32 x 32 pixels in ten classes."""
    rng = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (records, 3, 32, 32), dtype=torch.uint8, generator=rng)
    y = torch.randint(10, (records,), generator=rng)
    schema = Schema(Modality.IMAGE, (3, 32, 32), tuple("0123456789"))
    return Data(x, y, torch.zeros(records, 0).long(), torch.arange(records), schema)


def plain_loop(spec: ModelSpec, data: Data, epochs: int, attacked: Callable[..., Tensor] | None = None) -> nn.Module:
    """What one writes by hand: batches by index, fused Adam, and perturbed records if there is an attack."""
    torch.manual_seed(0)
    model = spec.build(data.schema)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    for _ in range(epochs):
        for places in torch.randperm(len(data)).split(BATCH):
            x, y = as_inputs(data.x[places]), data.y[places]
            if attacked:
                x = attacked(model.eval(), x, y)
            optimizer.zero_grad()
            cross_entropy(model.train()(x), y).backward()
            optimizer.step()
    return model


def climb(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """PGD from a random start, as one writes it by hand."""
    moved = (x + (2 * torch.rand_like(x) - 1) * EPSILON).clamp(0, 1)
    for _ in range(STEPS):
        moved.requires_grad_()
        (gradient,) = torch.autograd.grad(cross_entropy(model(moved), y), moved)
        moved = (moved + EPSILON / 4 * gradient.sign()).detach()
        moved = torch.min(torch.max(moved, x - EPSILON), x + EPSILON).clamp(0, 1)
    return moved


def climbs_alone(data: Data) -> None:
    """The PGD steps of one epoch of adversarial training, and no training."""
    model = LinearNet().build(data.schema).eval()
    for places in torch.randperm(len(data)).split(BATCH):
        climb(model, data.x[places], data.y[places])


def opacus_loop(data: Data, mode: str) -> None:
    """One epoch of DP-SGD as Opacus does it."""
    from opacus import PrivacyEngine  # noqa: PLC0415 - it takes seconds to import
    from torch.utils.data import DataLoader, TensorDataset  # noqa: PLC0415

    torch.manual_seed(0)
    model = LinearNet(norm="group").build(data.schema)
    engine, criterion = PrivacyEngine(), nn.CrossEntropyLoss()
    loader = DataLoader(TensorDataset(data.x, data.y), batch_size=BATCH)
    made = engine.make_private(
        module=model,
        optimizer=torch.optim.Adam(model.parameters()),
        data_loader=loader,
        noise_multiplier=1.0,
        max_grad_norm=1.0,
        criterion=criterion,
        grad_sample_mode=mode,
    )
    private, optimizer, loss_of, batches = made if mode == "ghost" else (made[0], made[1], criterion, made[2])
    for x, y in batches:
        optimizer.zero_grad()
        loss_of(private(x), y).backward()
        optimizer.step()


def comparisons(scale: float) -> Iterator[Comparison]:
    """All that is claimed."""
    table, pictures, few = rows(int(30_000 * scale)), images(int(500 * scale)), rows(int(10_000 * scale))

    def recipe(spec: ModelSpec, epochs: int) -> Recipe:
        return Recipe(spec, epochs=epochs, batch_size=BATCH)

    def fit(spec: ModelSpec, data: Data, epochs: int) -> Callable[[], object]:
        return lambda: recipe(spec, epochs).fit(data, seed=0)

    for net in (LinearNet(), LinearNet(norm="none")):
        for epochs in (1, 5):
            name = f"`fit` of LinearNet, norm {net.norm}, {len(table):,} rows, epochs: {epochs}"
            by_hand = lambda net=net, epochs=epochs: plain_loop(net, table, epochs)  # noqa: E731
            yield Comparison(name, fit(net, table, epochs), by_hand, "plain loop", 1.1)
    name = f"`fit` of VGG11, {len(pictures):,} images, epochs: 5"
    yield Comparison(name, fit(VGG(11), pictures, 5), lambda: plain_loop(VGG(11), pictures, 5), "plain loop", 1.1, 1)
    robust = AdversarialTraining(epsilon=EPSILON, steps=STEPS).apply(recipe(LinearNet(), 1))
    name = f"adversarial training, PGD-{STEPS}, {len(few):,} rows, one epoch"
    train = lambda: robust.fit(few, seed=0)  # noqa: E731
    yield Comparison(name, train, lambda: climbs_alone(few), "its PGD steps by hand, no training", 1.15)
    yield Comparison(name, train, lambda: plain_loop(LinearNet(), few, 1, climb), "the whole by hand", 1.1)
    grouped = LinearNet(norm="group")
    private = DPSGD(epsilon=None, noise_multiplier=1.0).apply(recipe(grouped, 1))
    train_privately = lambda: private.fit(table, seed=0)  # noqa: E731
    name = f"DP-SGD, {len(table):,} rows, one epoch"
    yield Comparison(name, train_privately, lambda: plain_loop(grouped, table, 1), "plain loop", 2.0)
    yield Comparison(name, train_privately, lambda: opacus_loop(table, "ghost"), "Opacus, ghost clipping", 1.0)
    yield Comparison(name, train_privately, lambda: opacus_loop(table, "hooks"), "Opacus, hooks", 1.0, 1)
    halves = [torch.randperm(len(table))[: int(5000 * scale)] for _ in range(8)]
    yield Comparison(
        f"8 shadows of {len(halves[0]):,} rows, two epochs",
        lambda: list(fit_population(recipe(LinearNet(), 2), table, halves, range(8))),
        lambda: [plain_loop(LinearNet(), table[half], 2) for half in halves],
        "plain loops",
        1.1,
    )


def auto_attack() -> str:
    """What its sample is for."""
    data = rows(400)
    model = plain_loop(LinearNet(), data, 3).eval()
    took = [seconds(partial(AutoAttack(EPSILON, records=count).attack, model, data)) for count in (100, 400)]
    return f"AutoAttack of one model: {took[0]:.0f} CPU s on 100 rows, {took[1]:.0f} on 400."


def main() -> None:
    """A table, printed as it grows and kept."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--small", action="store_true", help="a tenth of the records; writes nothing")
    small = parser.parse_args().small
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    scale = 0.1 if small else 1.0
    processor = platform.processor() or platform.machine()
    lines = [
        "# Training beside plain loops",
        "",
        f"CPU seconds of one thread, torch {torch.__version__}, {processor}, batch {BATCH}: the least of runs in turn.",
        "Compare the ratios: the seconds are those of one machine, with other work on it.",
        "",
        "| Amulet | s | beside | s | ratio | at most | kept |",
        "|---|---|---|---|---|---|---|",
    ]
    print("\n".join(lines), flush=True)
    for comparison in comparisons(scale):
        lines.append(comparison.line())
        print(lines[-1], flush=True)
    lines += ["", auto_attack()]
    print(lines[-1])
    if not small:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
