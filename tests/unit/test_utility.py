"""Utility: what a model predicts for records that nobody has trained on."""

import pytest
import torch
from torch import nn

from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidData
from amulet.core.model import predict
from amulet.core.probe import Game
from amulet.core.split import Split
from amulet.core.threat import TrainedModel
from amulet.discriminatory_behavior import Discrimination
from amulet.models import SimpleCNN
from amulet.utility import Utility


def test_the_audit_is_of_the_test_set(images: AmuletDataset) -> None:
    torch.manual_seed(0)
    model = SimpleCNN(channels=(4,), hidden=6).build(images.schema).train()
    outcome = Utility().play(
        Game({"target": (TrainedModel(model, images.train.index),)}, images, Split().divide(60), seed=0)
    )
    assert torch.equal(outcome.labels, images.test.y)
    assert torch.allclose(outcome.probabilities, predict(model.eval(), images.test.x).double().softmax(1))


def test_the_model_is_left_in_its_mode(dataset: AmuletDataset) -> None:
    model = nn.Sequential(nn.Dropout(), nn.Linear(5, 2)).train()
    Utility().audit(model, dataset.test)
    assert all(module.training for module in model.modules())


@pytest.mark.parametrize("audit", [Utility(), Discrimination("sex")], ids=str)
def test_a_model_that_diverged_predicts_nothing(audit: Utility | Discrimination, dataset: AmuletDataset) -> None:
    """The largest of several NaN is the first class: half of the classes right, and no gap between groups at all."""
    diverged = nn.Linear(5, 2)
    nn.init.constant_(diverged.bias, float("nan"))
    with pytest.raises(InvalidData, match="Linear gives NaN, so it predicts nothing"):
        audit.audit(diverged, dataset.test)
    nn.init.constant_(diverged.bias, float("inf"))
    with pytest.raises(InvalidData, match="Linear gives infinite logits, which have no probabilities"):
        audit.audit(diverged, dataset.test)
