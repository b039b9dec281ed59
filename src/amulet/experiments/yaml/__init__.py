"""Experiments and pairs as YAML."""
