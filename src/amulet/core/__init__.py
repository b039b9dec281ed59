"""The basic types of Amulet: specs, data, splits, models, threat models, probes, outcomes, metrics, errors."""
