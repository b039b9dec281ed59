"""Plug-ins by name, specs built from plain values, and the rules for what a configuration may import."""
