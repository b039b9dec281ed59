"""DP-SGD on FashionMNIST at epsilon 4: test accuracy, epsilon and seconds of one core.

The network is that of Papernot et al. 2021, https://arxiv.org/abs/2007.14191, Table 1, with tanh instead of ReLU, which
keeps gradients small. Run it with: python benchmarks/dp_sgd_fashion_mnist.py [--seeds 3]. The data set is found as the
library finds it (AMULET_DATA), or downloaded.
"""

from argparse import ArgumentParser
from dataclasses import dataclass
from time import process_time

import torch
from torch import nn

from amulet.core.data import Schema
from amulet.core.model import ModelSpec
from amulet.datasets import FashionMNIST
from amulet.training import DPSGD, Adam, Recipe
from amulet.training.loop import accuracy


@dataclass(frozen=True)
class TanhCNN(ModelSpec):
    """Two strided convolutions and one hidden layer, 26,010 weights, without any normalisation."""

    def build(self, schema: Schema) -> nn.Module:
        """For images of 1 x 28 x 28."""
        return nn.Sequential(
            nn.Conv2d(1, 16, 8, stride=2, padding=2),
            nn.Tanh(),
            nn.MaxPool2d(2, stride=1),
            nn.Conv2d(16, 32, 4, stride=2),
            nn.Tanh(),
            nn.MaxPool2d(2, stride=1),
            nn.Flatten(),
            nn.Linear(512, 32),
            nn.Tanh(),
            nn.Linear(32, len(schema.classes)),
        )


RECIPE = Recipe(TanhCNN(), epochs=10, batch_size=1024, optimizer=Adam(lr=3e-3))
DEFENSE = DPSGD(epsilon=4, delta=1e-5, clip=1.0)

if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="how many seeds")
    seeds = parser.parse_args().seeds
    torch.set_num_threads(1)
    data = FashionMNIST().load()
    for seed in range(seeds):
        started = process_time()
        fitted = DEFENSE.train(RECIPE, data.train, seed=seed)
        seconds = process_time() - started
        print(
            f"seed {seed}: test accuracy {accuracy(fitted.model, data.test):.4f}, "
            f"epsilon {fitted.facts['epsilon']:.3f} at delta {fitted.facts['delta']}, {seconds:.0f} s",
            flush=True,
        )
