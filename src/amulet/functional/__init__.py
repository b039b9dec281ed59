"""Pure tensor functions behind attacks, defenses and metrics: no data sets, no specs, no files."""
