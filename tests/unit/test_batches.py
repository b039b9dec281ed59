"""Outside training a model is asked batch by batch, and no copy of all records is made for it."""

from collections.abc import Callable
from textwrap import dedent

import pytest
import torch
from torch import Tensor, nn

from amulet.core.data import Data, Modality, Schema, Selection, batch_size
from amulet.core.dataset import AmuletDataset
from amulet.core.model import predict
from amulet.core.probe import Game
from amulet.core.split import Split
from amulet.core.threat import TrainedModel
from amulet.evasion.attacks import PGD
from amulet.membership_inference.attacks import LossThreshold
from amulet.utility import Utility

IMAGES = Schema(Modality.IMAGE, (3, 32, 32), ("cat", "dog"))


class Corner(nn.Module):
    """Two pixels as logits; keeps how many records it was given at most."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.most = 0

    def forward(self, x: Tensor) -> Tensor:
        assert x.is_floating_point()
        self.most = max(self.most, len(x))
        return self.scale * x.flatten(1)[:, :2]


@pytest.fixture
def images() -> Data:
    rng = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (700, 3, 32, 32), dtype=torch.uint8, generator=rng)
    y = torch.randint(2, (700,), generator=rng)
    return Data(x, y, torch.zeros(700, 0, dtype=torch.long), torch.arange(700), IMAGES)


@pytest.mark.parametrize(("shape", "size"), [((93,), 2048), ((1, 28, 28), 1337), ((3, 32, 32), 341), ((2**21,), 1)])
def test_a_batch_is_bounded_in_records_and_in_numbers(shape: tuple[int, ...], size: int) -> None:
    assert batch_size(shape) == size


def test_a_selection_is_what_indexing_gives(images: Data) -> None:
    places = torch.randperm(700)[:500]
    chosen, expected = Selection(images, places), images[places].as_inputs()
    assert len(chosen) == 500
    for name in ("x", "y", "z", "index"):
        assert torch.equal(getattr(chosen, name), getattr(expected, name))
    assert torch.equal(torch.cat([part.x for part in chosen.batches()]), expected.x)
    assert torch.equal(predict(Corner(), chosen), predict(Corner(), expected.x))


def test_attacks_and_audits_ask_in_batches(images: Data) -> None:
    dataset = AmuletDataset("noise", images, images)
    for probe in (LossThreshold(), PGD(steps=1), Utility()):
        model = Corner()
        probe.play(
            Game(
                {"target": (TrainedModel(model, images.index[:0]),)}, dataset, Split(validation=0.0).divide(700), seed=0
            )
        )
        assert model.most == 341


def test_the_game_of_membership_is_that_of_members_and_others_at_hand(images: Data) -> None:
    division, attack = Split().divide(700), LossThreshold()
    target = {"target": (TrainedModel(Corner(), images.index[:0]),)}
    played = attack.play(Game(target, AmuletDataset("noise", images, images), division, seed=3))
    given = attack.attack(Corner(), images[division.members], images[division.auxiliary], seed=3)
    for name, tensor in played.tensors().items():
        assert torch.equal(tensor, given.tensors()[name])


def test_a_membership_attack_needs_little_memory_beside_the_records(run_python: Callable[..., str]) -> None:
    """90 MB of bytes, of which no copy is made."""
    code = dedent("""
        import resource, torch
        from amulet.core.data import Data, Modality, Schema
        from amulet.core.dataset import AmuletDataset
        from amulet.core.probe import Game
        from amulet.core.split import Split
        from amulet.core.threat import TrainedModel
        from amulet.membership_inference.attacks import LossThreshold

        torch.set_num_threads(1)
        schema, n = Schema(Modality.IMAGE, (3, 32, 32), ("cat", "dog")), 30_000
        x = torch.randint(256, (n, 3, 32, 32), dtype=torch.uint8)
        data = Data(x, torch.arange(n) % 2, torch.zeros(n, 0, dtype=torch.long), torch.arange(n), schema)
        model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3072, 2))
        target = {"target": (TrainedModel(model, torch.arange(n)),)}
        game = Game(target, AmuletDataset("zeros", data, data), Split().divide(n), 0)
        with torch.no_grad():
            model(torch.rand(341, 3, 32, 32))  # whose library takes memory of its own
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        LossThreshold().play(game)
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
    """)
    assert int(run_python(code)) < 60
