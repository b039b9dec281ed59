"""The attacks and audits that can be done to one trained model, and the reasons why others cannot."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import MISSING, fields
from typing import Any, Final

from torch import nn

from amulet.core.classifier import few
from amulet.core.dataset import AmuletDataset
from amulet.core.probe import Attack, Audit, Probe
from amulet.core.roles import TARGET
from amulet.core.split import Split
from amulet.experiments.pairs.questions import needs_training
from amulet.experiments.planning.left_out import LeftOut
from amulet.experiments.registry.plugins import plugins

NEEDS_MEMBERS: Final = (
    "needs records that the model was trained on, and others that it was not ('members' and 'others')"
)


def registered_probes(dataset: AmuletDataset) -> tuple[Probe[Any], ...]:
    """Every registered attack and audit with its default settings, the audits first.

    Those about a sensitive attribute are there once for each attribute of the data set.
    """
    found = [plugin.spec for plugin in plugins() if issubclass(plugin.spec, Attack | Audit)]
    probes = [probe for spec in found for probe in _instances(spec, dataset)]
    return (*(probe for probe in probes if isinstance(probe, Audit)), *(p for p in probes if isinstance(p, Attack)))


def _instances(spec: type[Probe[Any]], dataset: AmuletDataset) -> Iterator[Probe[Any]]:
    names = {item.name: item for item in fields(spec)}
    about = [attribute.name for attribute in dataset.schema.attributes] if "attribute" in names else []
    lacking = [name for name, item in names.items() if item.default is MISSING and item.default_factory is MISSING]
    if about:
        made: Callable[..., Probe[Any]] = spec
        yield from (made(attribute=attribute) for attribute in about if set(lacking) <= {"attribute"})
    elif not lacking:
        yield spec()


def applicable(
    probes: Sequence[Probe[Any]], model: nn.Module, dataset: AmuletDataset, *, members_known: bool
) -> tuple[tuple[Probe[Any], ...], tuple[LeftOut, ...]]:
    """The probes that can be run on a model, and those that cannot, with the first reason of each.

    Args:
        probes: attacks and audits.
        model: a model that accepts the records.
        dataset: the records.
        members_known: whether the records that the model was trained on are known.
    """
    run: list[Probe[Any]] = []
    left_out: list[LeftOut] = []
    for probe in probes:
        reason = next(_reasons(probe, model, dataset, members_known=members_known), None)
        if reason is None:
            run.append(probe)
        else:
            left_out.append(LeftOut(probe.risk, str(probe), reason.removeprefix(str(probe)).strip().rstrip(".,")))
    return tuple(run), tuple(left_out)


def _reasons(probe: Probe[Any], model: nn.Module, dataset: AmuletDataset, *, members_known: bool) -> Iterator[str]:
    """Why a probe cannot be run, as phrases or sentences that may begin with its name."""
    yield from needs_training(probe)
    yield from probe.demands(dataset.schema)
    if probe.needs_members and not members_known:
        yield NEEDS_MEMBERS
    yield from probe.data_demands(dataset, Split())
    yield from probe.model_demands(TARGET, model, few(dataset.test))
