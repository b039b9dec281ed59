"""Curves behind a single number, such as a ROC or the accuracy as a function of the size of a perturbation."""

from dataclasses import dataclass
from typing import Literal

from amulet.core.short_repr import short_repr

Scale = Literal["linear", "log"]
"""The scale of both axes."""


@dataclass(frozen=True)
class Curve:
    """One line of a chart, its points in ascending order of x.

    Attributes:
        title: what the curve shows.
        x_title, y_title: the titles of the axes, with units where there are any.
        x, y: the coordinates of the points, as many x as y.
        scale: of both axes; with "log", points at zero are not drawn.
    """

    title: str
    x_title: str
    y_title: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    scale: Scale = "linear"

    __repr__ = short_repr

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y):
            raise ValueError(f"A curve must have as many x as y. Got {len(self.x)} and {len(self.y)}.")
