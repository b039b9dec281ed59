"""Manifests: the machines and package versions that computed the numbers of an assessment, or of given models."""

import json
from datetime import UTC, datetime
from typing import Any

from amulet.core.dataset import AmuletDataset
from amulet.experiments.graph.entries import environment
from amulet.experiments.graph.store import Store
from amulet.experiments.planning.plan import Plan


def manifest_of(planned: Plan, store: Store) -> dict[str, Any]:
    """The date, the data set, the device, and every environment in which tasks were computed, the most frequent first.

    Tasks that an earlier run computed count for the environment of that run.
    """
    made = [found for task in planned.tasks if (found := store.made(task)) is not None]
    environments: dict[str, int] = {}
    for entry in made:
        text = json.dumps({name: value for name, value in entry.items() if name != "seconds"})
        environments[text] = environments.get(text, 0) + 1
    ranked = sorted(environments.items(), key=lambda item: -item[1])
    main = json.loads(ranked[0][0]) if ranked else environment()  # another process has deleted all results
    return {
        "date": datetime.now(UTC).date().isoformat(),
        **main,
        "device": planned.device,
        "dataset": _identity(planned.dataset),
        "tasks": len(made),
        "compute_seconds": round(sum(entry["seconds"] for entry in made), 1),
        "other_environments": [json.loads(text) | {"tasks": count} for text, count in ranked[1:]],
    }


def manifest_of_models(dataset: AmuletDataset, device: str, seconds: float) -> dict[str, Any]:
    """The environment of this process, the device, the data set, and how long it took; of models that were given."""
    return {**environment(), "device": device, "dataset": _identity(dataset), "seconds": round(seconds, 1)}


def _identity(dataset: AmuletDataset) -> dict[str, str]:
    return {"name": dataset.name, "content": dataset.content}
