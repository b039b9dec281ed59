"""How often gaps between groups are said to differ: fair lotteries, and gaps that are there.

Lotteries decide by a number that follows from the record's inputs and means nothing. Two that are fair to everyone,
with shares of winners of .5 and .05, have no gap by race; whatever `compare` says of their difference is chance. Then
pairs of which the first has a gap of .10 between two groups of 500 records, and the second has none.

Run it with Census under $AMULET_DATA: python benchmarks/group_gaps.py [pairs]. It takes about five minutes for 60 pairs
and writes benchmarks/results/group_gaps.json.
"""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from amulet.core.data import Attribute, Data, Modality, Schema
from amulet.core.dataset import AmuletDataset
from amulet.datasets import Census
from amulet.discriminatory_behavior import Discrimination
from amulet.experiments import compare
from amulet.statistics import Verdict, Word

RESULTS = Path(__file__).parent / "results" / "group_gaps.json"
TEST_RECORDS = 4000


class Lottery(nn.Module):
    """A record wins with a probability that depends on its first input alone.

    The number that decides is a hash of all inputs.

    Args:
        shares: the probability for each value 0..k-1 of the first input; one for all if there is only one.
        features: the number of inputs.
        seed: of the hash.
    """

    direction: Tensor
    shares: Tensor

    def __init__(self, shares: Sequence[float], features: int, seed: int) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(seed)
        self.register_buffer("direction", torch.rand(features, generator=rng, dtype=torch.float64) * 1e6)
        self.register_buffer("shares", torch.tensor(shares, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        drawn = torch.frac(torch.sin(x.double() @ self.direction) * 43758.5453).abs()
        group = x[:, 0].round().long().clamp(0, len(self.shares) - 1)
        return torch.stack([drawn, self.shares[group]], dim=1).float()


def census() -> AmuletDataset:
    """Census with 4,000 test records, and noise as their inputs, so that no two records are alike to a lottery."""
    data = Census().load()
    train, test = data.train.at(torch.arange(500)), data.test.at(torch.arange(TEST_RECORDS))
    return AmuletDataset("Census", _noisy(train, 0), _noisy(test, 1))


def _noisy(part: Data, seed: int) -> Data:
    noise = torch.rand(len(part), 3, generator=torch.Generator().manual_seed(seed))
    schema = Schema(Modality.TABULAR, (3,), part.schema.classes, part.schema.attributes, part.schema.positive)
    return Data(noise, part.y, part.z, part.index, schema)


def two_groups(seed: int, size: int = 500) -> AmuletDataset:
    """Two groups of `size` test records each, the group as the first input; a quarter is of the positive class."""
    schema = Schema(Modality.TABULAR, (3,), ("no", "yes"), (Attribute("sex", ("f", "m")),), positive="yes")
    rng = torch.Generator().manual_seed(seed)
    groups = torch.arange(2 * size) % 2
    x = torch.cat([groups[:, None].float(), torch.rand(2 * size, 2, generator=rng)], dim=1)
    y = (torch.rand(2 * size, generator=rng) < 0.25).long()
    test = Data(x, y, groups[:, None], torch.arange(2 * size), schema)
    return AmuletDataset("two groups", test, test)


def words(data: AmuletDataset, attribute: str, shares: Sequence[Sequence[float]], seed: int) -> dict[str, Word]:
    """What `compare` says of both primary metrics of a pair of lotteries, whether or not they have learned anything."""
    features = data.schema.shape[0]
    before, after = (Lottery(each, features, 2 * seed + at) for at, each in enumerate(shares))
    found = compare(before, after, data, probes=[Discrimination(attribute)], seed=seed)
    return {cell.column.metric: _word(cell.verdict) for cell in found.cells if cell.column.primary}


def _word(verdict: Verdict) -> Word:
    """What the interval alone says, since lotteries have learned nothing and their verdicts are not interpretable."""
    if verdict.interval is None:
        return Word.INCONCLUSIVE
    low, high = verdict.interval
    if max(-low, high) < verdict.margin:
        return Word.NO_CHANGE
    return Word.INCREASES if low > 0 else Word.DECREASES if high < 0 else Word.INCONCLUSIVE


def main(pairs: int) -> None:
    """Compare pairs of each kind, print and write how often each word was said."""
    records = census()
    fair = [words(records, "race", ([0.5], [0.05]), seed) for seed in range(pairs)]
    found = {"fair lotteries, .5 and .05": fair}
    for first, second in ((0.15, 0.05), (0.3, 0.2), (0.55, 0.45)):
        middle = (first + second) / 2
        found[f"gap of .10, {first:g} and {second:g}"] = [
            words(two_groups(seed), "sex", ([first, second], [middle, middle]), seed) for seed in range(pairs)
        ]
    counts = {
        kind: {metric: dict(Counter(str(each[metric]) for each in verdicts)) for metric in verdicts[0]}
        for kind, verdicts in found.items()
    }
    print(json.dumps(counts, indent=1))
    RESULTS.write_text(json.dumps({"pairs": pairs, "words": counts}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
