"""Comparison of two trained models on the same records."""
