"""Defenses against unauthorized model ownership."""
