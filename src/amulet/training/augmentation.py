"""Augmentation: random changes of the training images, drawn anew in each batch. Test images are not changed."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, final

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import pad

from amulet.core.data import Data, Modality, Schema
from amulet.core.errors import Problem
from amulet.core.spec import Count, Probability
from amulet.core.trainable import DataUse
from amulet.training.stages import Perturb


@dataclass(frozen=True)
class Augmentation(Perturb):
    """A random change of images that keeps their class.

    It belongs in the `stages` of a recipe, before defenses in the same slot, so that adversarial training perturbs the
    augmented images. It can also be a row of its own, as a defense. The change of one record does not depend on other
    records, so it can be combined with DP-SGD.
    """

    data_use = DataUse.RECORD

    @abstractmethod
    def augment(self, x: Tensor, schema: Schema, rng: Generator) -> Tensor:
        """Changed images for those in x, (n, channels, height, width), of the same shape and within the bounds."""

    @final
    def perturb(self, model: nn.Module, batch: Data, rng: Generator) -> Data:
        """The batch with changed images; they do not depend on the model."""
        del model
        return replace(batch, x=self.augment(batch.x, batch.schema, rng))

    @final
    def data_problems(self, schema: Schema, records: int) -> Iterator[Problem]:
        """Only images can be augmented."""
        del records
        if schema.modality is Modality.IMAGE:
            yield from self.image_problems(schema)
        else:
            yield Problem("stages", f"{type(self).__name__} augments images. The data are {schema.modality.value}.")

    def image_problems(self, schema: Schema) -> Iterator[Problem]:
        """The reasons why images of this shape cannot be augmented in this way; a hook for subclasses."""
        del schema
        yield from ()


@dataclass(frozen=True)
class Flip(Augmentation):
    """Mirror a `share` of the images, left to right. He et al. 2016, https://arxiv.org/abs/1512.03385, section 4.2."""

    share: Probability = 0.5

    def augment(self, x: Tensor, schema: Schema, rng: Generator) -> Tensor:
        """Mirror each image independently, with probability `share`."""
        del schema
        mirrored = torch.rand(len(x), generator=rng, device=x.device) < self.share
        return torch.where(mirrored[:, None, None, None], x.flip(3), x)


@dataclass(frozen=True)
class Crop(Augmentation):
    """Pad each side by `padding` pixels and cut the image's size out anywhere. He et al. 2016, section 4.2.

    The paper, https://arxiv.org/abs/1512.03385, pads with zeros, here the data's lower bound; "reflect"
    mirrors the image at its border instead.
    """

    padding: Count = 4
    fill: Literal["zeros", "reflect"] = "zeros"

    def augment(self, x: Tensor, schema: Schema, rng: Generator) -> Tensor:
        """Shift each image by up to `padding` pixels in both directions."""
        frame = (self.padding,) * 4
        padded = pad(x, frame, mode="reflect") if self.fill == "reflect" else pad(x, frame, value=schema.low)
        top, left = torch.randint(2 * self.padding + 1, (2, len(x)), generator=rng, device=x.device)
        windows = padded.unfold(2, x.shape[2], 1).unfold(3, x.shape[3], 1)  # a view: nothing is copied yet
        return windows[torch.arange(len(x), device=x.device), :, top, left]

    def image_problems(self, schema: Schema) -> Iterator[Problem]:
        """Reflected padding must be smaller than the image."""
        if self.fill == "reflect" and self.padding >= min(schema.shape[1:]):
            yield self.problem("padding", f"below the images' shorter side, {min(schema.shape[1:])}, to reflect them")
