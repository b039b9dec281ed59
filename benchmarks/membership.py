"""Attacks on membership on an over-fitted model of Census, and LiRA with augmented queries on Digits.

Run it with: python benchmarks/membership.py. It prints three tables, and takes about ten minutes on one core.
"""

from collections.abc import Sequence
from statistics import fmean
from typing import get_args

import torch

from amulet.core.dataset import AmuletDataset
from amulet.core.metric import Metric, Undefined
from amulet.core.split import Split
from amulet.core.trainable import Trainable
from amulet.datasets import Census, Digits
from amulet.experiments import game_for
from amulet.membership_inference import MembershipInferenceAttack, MembershipOutcome
from amulet.membership_inference.attacks import RMIA, LiRA, LossThreshold, SignalThreshold
from amulet.membership_inference.metrics import TPRAtFPR, accuracy_at_threshold, auc, balanced_accuracy
from amulet.membership_inference.signals import Signal
from amulet.models import LinearNet, SimpleCNN
from amulet.training import Adam, Crop, Recipe

METRICS: tuple[Metric[MembershipOutcome], ...] = (auc, TPRAtFPR(0.01), balanced_accuracy, accuracy_at_threshold)
SIGNALS: tuple[Signal, ...] = get_args(Signal)
TABULAR: tuple[MembershipInferenceAttack, ...] = (
    LossThreshold(),
    *(SignalThreshold(signal=signal, per_class=each) for signal in SIGNALS for each in (False, True)),
    *(LiRA(shadows=count) for count in (2, 4, 16)),
    *(LiRA(shadows=count, online=False) for count in (4, 16)),
    LiRA(variance="record"),
    *(RMIA(shadows=count, online=False) for count in (1, 2, 4, 16)),
    *(RMIA(shadows=count) for count in (2, 4, 16)),
    RMIA(shadows=16, gamma=2),
    *(RMIA(shadows=1, online=False, a=slope) for slope in (0.1, 0.6, 1)),
)
SHIFTS = (Crop(padding=1),)
IMAGES: tuple[MembershipInferenceAttack, ...] = (
    LossThreshold(),
    LiRA(),
    *(LiRA(queries=count, augmentations=SHIFTS) for count in (2, 8)),
    LiRA(online=False),
    LiRA(queries=8, augmentations=SHIFTS, online=False),
)


def table(attacks: Sequence[MembershipInferenceAttack], recipe: Trainable, dataset: AmuletDataset, seeds: int) -> None:
    """A line for each attack, with a mean over the seeds for each metric."""
    games = [game_for(LiRA(shadows=16), recipe, dataset, Split(seed=seed)) for seed in range(seeds)]
    print(f"| {dataset.name} |", " | ".join(str(metric) for metric in METRICS), "|")
    for attack in attacks:
        outcomes = [attack.play(game) for game in games]
        print(f"| `{attack}` |", " | ".join(mean(metric, outcomes) for metric in METRICS), "|", flush=True)


def mean(metric: Metric[MembershipOutcome], outcomes: Sequence[MembershipOutcome]) -> str:
    """The mean over outcomes."""
    found = [value for outcome in outcomes if not isinstance(value := metric(outcome), Undefined)]
    return f"{fmean(found):.3f}" if found else "none"


if __name__ == "__main__":
    torch.set_num_threads(1)
    by_heart = Recipe(LinearNet(hidden=(512,), norm="none"), epochs=60, batch_size=64, optimizer=Adam(lr=3e-3))
    table(TABULAR, by_heart, Census(train_records=6000, test_records=6000).load(), seeds=3)
    for stages in (SHIFTS, ()):
        images = Recipe(SimpleCNN(channels=(16, 32)), epochs=40, batch_size=64, optimizer=Adam(lr=2e-3), stages=stages)
        table(IMAGES, images, Digits().load(), seeds=2)
