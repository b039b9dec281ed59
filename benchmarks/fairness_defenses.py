"""Census, 10,000 training records: parity gaps, accuracy and attribute inference of defenses against discrimination.

Run it with: python benchmarks/fairness_defenses.py. It takes about seven minutes on one core. What it measured stands
in docs/risks/discriminatory_behavior/README.md.
"""

from collections.abc import Iterator

import torch

from amulet.attribute_inference.attacks import AttributeFromOutputs
from amulet.attribute_inference.metrics import auc
from amulet.core.trainable import Trainable
from amulet.datasets import Census
from amulet.discriminatory_behavior import Discrimination
from amulet.discriminatory_behavior.defenses import FERMI, AdversarialDebiasing, Reweighing, ThresholdOptimizer
from amulet.discriminatory_behavior.metrics import demographic_parity, equalized_odds
from amulet.models import LinearNet
from amulet.training import Adam, Held, OneCycle, Recipe
from amulet.utility import Utility
from amulet.utility.metrics import accuracy

SEEDS = 10
RECIPE = Recipe(
    LinearNet((128, 256, 128), norm="none", dropout=0.3),
    epochs=15,
    optimizer=Adam(lr=2e-3),
    schedule=OneCycle(),
)
DEFENSES = (
    AdversarialDebiasing(),
    AdversarialDebiasing(strength=(2.0,)),
    AdversarialDebiasing(strength=(10.0,)),
    AdversarialDebiasing(constraint="equalized_odds"),
    FERMI(),
    FERMI(constraint="equalized_odds"),
    Reweighing(),
    ThresholdOptimizer(),
    ThresholdOptimizer(constraint="equalized_odds"),
)


def measured(recipe: Trainable) -> Iterator[list[float]]:
    """For each seed accuracy, the two gaps for `sex`, and the AUC of its inference."""
    data = Census().load()
    order = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(0))
    members, others, clean = (
        data.train[order[a:b].sort().values] for a, b in ((0, 10_000), (10_000, 20_000), (20_000, 22_000))
    )
    for seed in range(SEEDS):
        model = recipe.fit(members, seed=seed, held=Held(validation=clean)).model
        decided = Discrimination("sex").audit(model, data.test)
        inferred = AttributeFromOutputs(attribute="sex").attack(model, others, data.test)
        values = (
            accuracy(Utility().audit(model, data.test)),
            demographic_parity(decided),
            equalized_odds(decided),
            auc(inferred),  # type: ignore[arg-type]
        )
        yield [float(value) for value in values]  # type: ignore[arg-type]


if __name__ == "__main__":
    torch.set_num_threads(1)
    for recipe in (RECIPE, *(defense.apply(RECIPE) for defense in DEFENSES)):
        table = torch.tensor(list(measured(recipe)))
        found = zip(table.mean(0).tolist(), table.std(0).tolist(), strict=True)
        name = " ".join(str(stage) for stage in recipe.stages) or "undefended"
        print(f"{name}:", *(f"{mean:.3f} ± {deviation:.3f}" for mean, deviation in found), flush=True)
