"""What there is: plug-ins by name, specs built from plain values, and what a configuration may import."""
