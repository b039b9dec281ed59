"""The normalisation layers a model can be built with."""

from enum import StrEnum
from math import gcd

from torch import nn

CHANNELS_PER_GROUP = 16
"""Wu and He 2018, https://arxiv.org/abs/1803.08494, Table 3: the best fixed number of channels a group."""


class NormKind(StrEnum):
    """Batch statistics mix records, so DP-SGD refuses them; group statistics stay within one record."""

    BATCH = "batch"
    GROUP = "group"
    NONE = "none"


def norm_1d(kind: NormKind, features: int) -> list[nn.Module]:
    """The layer for (n, features), or none."""
    return [nn.BatchNorm1d(features)] if kind is NormKind.BATCH else _grouped(kind, features)


def norm_2d(kind: NormKind, channels: int) -> list[nn.Module]:
    """The layer for (n, channels, height, width), or none."""
    return [nn.BatchNorm2d(channels)] if kind is NormKind.BATCH else _grouped(kind, channels)


def _grouped(kind: NormKind, channels: int) -> list[nn.Module]:
    if kind is NormKind.NONE:
        return []
    size = gcd(channels, CHANNELS_PER_GROUP)
    return [nn.GroupNorm(channels // size if size > 1 else 1, channels)]
