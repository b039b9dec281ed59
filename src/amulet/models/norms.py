"""The normalisation layers that a model can be built with."""

from math import gcd
from typing import Literal

from torch import nn

CHANNELS_PER_GROUP = 16
"""Wu and He 2018, https://arxiv.org/abs/1803.08494, Table 3: the best fixed number of channels a group."""


NormKind = Literal["batch", "group", "none"]
"""Batch normalisation makes records depend on each other, so DP-SGD does not allow it; group normalisation does not."""


def norm_1d(kind: NormKind, features: int) -> list[nn.Module]:
    """The normalisation of inputs (n, features), in a list that is empty for "none"."""
    return [nn.BatchNorm1d(features)] if kind == "batch" else _grouped(kind, features)


def norm_2d(kind: NormKind, channels: int) -> list[nn.Module]:
    """The normalisation of inputs (n, channels, height, width), in a list that is empty for "none"."""
    return [nn.BatchNorm2d(channels)] if kind == "batch" else _grouped(kind, channels)


def _grouped(kind: NormKind, channels: int) -> list[nn.Module]:
    if kind == "none":
        return []
    size = gcd(channels, CHANNELS_PER_GROUP)
    return [nn.GroupNorm(channels // size if size > 1 else 1, channels)]
