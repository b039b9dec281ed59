"""Whether numbers can be trusted: validity checks of models, attacks and defenses, seeds and ranges."""
