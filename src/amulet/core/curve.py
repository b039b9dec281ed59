"""Curves: what a single number leaves out, such as a ROC or accuracy over the size of a perturbation."""

from dataclasses import dataclass
from typing import Literal

Scale = Literal["linear", "log"]
"""Of both axes."""


@dataclass(frozen=True)
class Curve:
    """One line of a chart, its points in ascending order of x.

    Attributes:
        title: what it shows.
        x_title, y_title: of the axes, with units where there are any.
        x, y: coordinates, of one length.
        scale: on which it is read; with "log", points at zero are left out of the drawing.
    """

    title: str
    x_title: str
    y_title: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    scale: Scale = "linear"

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y):
            raise ValueError(f"A curve must have as many x as y. Got {len(self.x)} and {len(self.y)}.")
