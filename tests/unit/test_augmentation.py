"""Augmentation: what becomes of an image, in training only, before the attack of adversarial training."""

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Generator, Tensor, nn

from amulet.core.data import Data, Modality, Schema
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidParameter
from amulet.core.seeds import generator
from amulet.core.spec import Spec
from amulet.evasion.defenses import AdversarialTraining
from amulet.experiments.registry.plugins import Kind, plugins
from amulet.models import LinearNet, SimpleCNN
from amulet.training import DPSGD, Augmentation, Crop, DataUse, Flip, Perturb, Recipe

AUGMENTATIONS = (Flip(), Flip(share=0.1), Crop(), Crop(padding=2, fill="reflect"))


def augmented(augmentation: Augmentation, batch: Data, seed: int = 0) -> Tensor:
    return augmentation.perturb(nn.Identity(), batch, generator(seed)).x


@pytest.fixture
def batch(images: AmuletDataset) -> Data:
    return images.train.as_inputs()


def test_a_flip_mirrors_every_row_of_about_its_share(batch: Data) -> None:
    many = batch[torch.arange(1000) % len(batch)]
    found = augmented(Flip(share=0.3), many)
    mirrored = (found == many.x.flip(3)).flatten(1).all(1)
    assert torch.equal(found[~mirrored], many.x[~mirrored])
    assert mirrored.double().mean().item() == pytest.approx(0.3, abs=0.05)
    assert torch.equal(augmented(Flip(share=0), batch), batch.x)
    assert torch.equal(augmented(Flip(share=1), batch), batch.x.flip(3))


def test_a_crop_moves_each_image_by_up_to_its_padding(images: AmuletDataset) -> None:
    schema = replace(images.schema, low=-1.0)
    x = torch.rand(400, *schema.shape)
    found = Crop(padding=1).augment(x, schema, generator(0))
    seen = set[tuple[int, int]]()
    for image, cut in zip(x, found, strict=True):
        framed = torch.full((3, 8, 8), -1.0)
        framed[:, 1:7, 1:7] = image
        places = {(top, left) for top in range(3) for left in range(3)}
        seen |= {(top, left) for top, left in places if torch.equal(framed[:, top : top + 6, left : left + 6], cut)}
    assert len(seen) == 9


def test_a_reflecting_crop_shows_nothing_but_the_image() -> None:
    schema = Schema(Modality.IMAGE, (1, 2, 5), ("no", "yes"))
    x = torch.tensor([1.0, 2, 3, 4, 5]).div(5).expand(50, 1, 2, 5)
    found = Crop(padding=1, fill="reflect").augment(x, schema, generator(0)).mul(5).round()
    assert {tuple(row) for row in found[:, 0, 0].tolist()} == {(2, 1, 2, 3, 4), (1, 2, 3, 4, 5), (2, 3, 4, 5, 4)}


@pytest.mark.parametrize("augmentation", AUGMENTATIONS, ids=str)
def test_shape_and_bounds_stay_and_one_seed_draws_once(augmentation: Augmentation, batch: Data) -> None:
    before, found = batch.x.clone(), augmented(augmentation, batch)
    assert found.shape == batch.x.shape
    assert batch.schema.low <= found.min() <= found.max() <= batch.schema.high
    assert torch.equal(found, augmented(augmentation, batch))
    assert not torch.equal(found, augmented(augmentation, batch, seed=1))
    assert torch.equal(batch.x, before)


@pytest.mark.parametrize("augmentation", AUGMENTATIONS, ids=str)
def test_what_becomes_of_an_image_depends_on_no_other(augmentation: Augmentation, batch: Data) -> None:
    assert augmentation.data_use is DataUse.RECORD
    others = batch[torch.tensor([0, *range(20, 40)])]
    assert torch.equal(augmented(augmentation, batch[torch.arange(21)])[0], augmented(augmentation, others)[0])


def test_rows_of_numbers_are_refused(dataset: AmuletDataset) -> None:
    with pytest.raises(InvalidParameter) as error:
        Recipe(LinearNet((4,)), stages=(Flip(), Crop())).fit(dataset.train, seed=0)
    assert [problem.sentence for problem in error.value.problems] == [
        "Flip augments images. The data are tabular.",
        "Crop augments images. The data are tabular.",
    ]


def test_an_image_too_small_to_reflect_is_refused(images: AmuletDataset) -> None:
    found = Crop(padding=6, fill="reflect").data_problems(images.schema, 60)
    assert [problem.sentence for problem in found] == [
        "The 'padding' of Crop must be below the images' shorter side, 6, to reflect them. Got 6."
    ]
    assert list(Crop(padding=5, fill="reflect").data_problems(images.schema, 60)) == []


@dataclass(frozen=True)
class Constant(Augmentation):
    """Paints every image in one shade, so that it can be told what came later."""

    shade: float = 0.5

    def augment(self, x: Tensor, schema: Schema, rng: Generator) -> Tensor:
        del schema, rng
        return torch.full_like(x, self.shade)


def test_adversarial_training_attacks_the_augmented_batch(batch: Data) -> None:
    attack = AdversarialTraining(epsilon=0.1, steps=2)
    defended = attack.apply(Recipe(SimpleCNN((4,), 8, norm="group"), stages=(Constant(),)))
    assert defended.stages_of(Perturb) == (Constant(), attack)
    model = defended.build(batch.schema).eval()
    found = batch
    for stage in defended.stages_of(Perturb):
        found = stage.perturb(model, found, generator(0))
    moved = (found.x - 0.5).abs()
    assert 0 < moved.max() <= 0.1 + 1e-6


def test_it_acts_in_training_and_nowhere_else(images: AmuletDataset) -> None:
    plain = Recipe(SimpleCNN((4,), 8, norm="group"), epochs=3)
    blind = replace(plain, stages=(Constant(),)).fit(images.train, seed=0)
    assert not torch.equal(blind.model[0].weight, plain.fit(images.train, seed=0).model[0].weight)  # type: ignore[index]
    assert blind.model(images.test.as_inputs().x).std(0).max() > 0  # test images still differ


def test_private_training_goes_with_it(images: AmuletDataset) -> None:
    private = DPSGD(epsilon=None, noise_multiplier=1.0, delta=1e-3)
    recipe = Recipe(SimpleCNN((4,), 8, norm="group"), epochs=1, batch_size=16, stages=(Flip(), Crop(padding=1)))
    assert private.apply(recipe).fit(images.train, seed=0).facts["epsilon"]


@pytest.mark.parametrize("spec", [Flip, Crop])
def test_it_is_listed_as_augmentation_not_as_a_defense(spec: type[Spec]) -> None:
    plugin = next(plugin for plugin in plugins() if plugin.spec is spec)
    assert (plugin.kind, plugin.risk) == (Kind.AUGMENTATION, "")
