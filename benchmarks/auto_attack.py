"""AutoAttack beside pyautoattack, in the standard version, on a plain and an adversarially trained model of digits.

Run it with: python benchmarks/auto_attack.py. For each model, norm and part it prints robust accuracy and seconds of
both. It takes about ten minutes on one core.
"""

import logging
import warnings
from time import perf_counter
from typing import Any

import torch
from pyautoattack import AutoAttack as Reference
from torch import nn

from amulet.core.data import Data
from amulet.datasets import Digits
from amulet.evasion.attacks import AutoAttack
from amulet.evasion.attacks.auto_attack import PARTS, Part
from amulet.evasion.defenses import AdversarialTraining
from amulet.evasion.metrics import robust_accuracy
from amulet.functional.perturbations.balls import Norm
from amulet.models import SimpleCNN
from amulet.training import Recipe


def theirs(model: nn.Module, victims: Data, norm: Norm, epsilon: float, parts: tuple[Part, ...]) -> float:
    """Robust accuracy under the package's own attack with its standard settings."""
    name = {"linf": "Linf", "l2": "L2"}[norm]
    attack: Any = Reference(model, norm=name, eps=epsilon, seed=0)
    attack.version, attack.attacks_to_run = "custom", list(parts)
    examples, _ = attack.run_standard_evaluation(victims.x, victims.y)
    with torch.no_grad():
        standing: torch.Tensor = model(examples).argmax(1) == victims.y
    return standing.double().mean().item()


def compare(label: str, model: nn.Module, victims: Data, norm: Norm, epsilon: float) -> None:
    """A line for each part and for all."""
    for parts in (*((part,) for part in PARTS), PARTS):
        started = perf_counter()
        ours = robust_accuracy(AutoAttack(epsilon, norm, parts=parts).attack(model, victims))
        between = perf_counter()
        expected = theirs(model, victims, norm, epsilon, parts)
        seconds = f"{between - started:.0f} s, {perf_counter() - between:.0f} s"
        print(
            f"{label:12} {norm:5} {epsilon:<5} {'+'.join(parts):30} {ours:.4f} {expected:.4f}   {seconds}", flush=True
        )


def main() -> None:
    """Two models, two norms."""
    warnings.simplefilter("ignore")
    logging.getLogger("auto-attack").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    data, recipe = Digits().load(), Recipe(SimpleCNN((16, 32), hidden=64, norm="group"), epochs=8)
    print("model, norm, epsilon, parts: robust accuracy of Amulet and of pyautoattack, seconds of each")
    for label, trained, sizes in (
        ("plain", recipe, {"linf": 0.06, "l2": 0.4}),
        ("adversarial", AdversarialTraining(epsilon=0.1, steps=5).apply(recipe), {"linf": 0.12, "l2": 0.8}),
    ):
        model = trained.fit(data.train, seed=0).model
        compare(label, model, data.test, "linf", sizes["linf"])
        compare(label, model, data.test, "l2", sizes["l2"])


if __name__ == "__main__":
    main()
