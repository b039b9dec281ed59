"""Early stopping: fewer epochs, fixed beforehand."""

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from amulet.core.dataset import AmuletDataset
from amulet.core.errors import Conflict
from amulet.membership_inference.defenses import EarlyStopping
from amulet.models import LinearNet
from amulet.training import DPSGD, Recipe


@example(share=0.9, epochs=4)
@given(share=st.floats(0.01, 0.99), epochs=st.integers(2, 100))
def test_it_always_stops_earlier_and_trains_at_least_once(share: float, epochs: int) -> None:
    """Else it would be the baseline under another name."""
    left = EarlyStopping(share).apply(Recipe(LinearNet(), epochs=epochs)).epochs
    assert 1 <= left < epochs
    assert left == pytest.approx(share * epochs, abs=1)


def test_it_trains_the_epochs_that_are_left(recipe: Recipe, dataset: AmuletDataset) -> None:
    recipe = replace(recipe, epochs=8, batch_size=200)
    assert EarlyStopping(0.25).train(recipe, dataset.train, seed=0).facts["steps"] == 2
    assert recipe.epochs == 8


def test_it_goes_with_differential_privacy_in_either_order(recipe: Recipe) -> None:
    one, other = DPSGD().apply(EarlyStopping().apply(recipe)), EarlyStopping().apply(DPSGD().apply(recipe))
    assert one.digest == other.digest


def test_one_epoch_cannot_be_shortened() -> None:
    with pytest.raises(Conflict, match="EarlyStopping needs a recipe of several epochs"):
        EarlyStopping().apply(Recipe(LinearNet(), epochs=1))
