"""Experiments and comparisons of two models as YAML files."""
