"""Amulet: what a machine-learning defense does to every risk, not only to the one it was made for."""

__version__ = "0.1.0"
