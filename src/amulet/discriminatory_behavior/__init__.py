"""F: discriminatory behavior."""

from amulet.discriminatory_behavior.outcome import Discrimination, DiscriminationOutcome

__all__ = ["Discrimination", "DiscriminationOutcome"]
