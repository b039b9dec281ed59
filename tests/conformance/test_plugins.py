"""Every plug-in that is found keeps the promises of its kind; nobody has to remember to test one."""

from collections import Counter
from itertools import combinations_with_replacement

import pytest

from amulet.core.errors import Conflict
from amulet.core.metric import Metric
from amulet.core.probe import Attack, Audit, Probe
from amulet.core.roles import Derivation
from amulet.core.spec import Spec
from amulet.core.split import Split
from amulet.datasets import Digits
from amulet.discriminatory_behavior.outcome import DiscriminationOutcome
from amulet.evasion.attacks import AutoAttack
from amulet.experiments.registry.plugins import Kind, Plugin, find, plugins, short_name
from amulet.factors import Factor
from amulet.testing import (
    TOY_RECIPE,
    check_attack,
    check_audit,
    check_defense,
    check_derivation,
    check_factor,
    check_metric,
    check_with_attributes,
    toy_dataset,
)
from amulet.training import Defense, Held

SHORT: dict[type[Spec], Spec] = {AutoAttack: AutoAttack(steps=10, targets=2, queries=50)}
"""In place of defaults that take long; no promise depends on how long an attack searches."""


def of(kind: Kind) -> list[Plugin]:
    return [plugin for plugin in plugins() if plugin.kind is kind]


def name(plugin: Plugin) -> str:
    return plugin.names[-2]


@pytest.mark.parametrize("plugin", of(Kind.ATTACK), ids=name)
def test_attack(plugin: Plugin) -> None:
    attack = SHORT.get(plugin.spec) or plugin.spec()
    assert isinstance(attack, Attack)
    check_attack(attack)
    check_with_attributes(attack)


@pytest.mark.parametrize("plugin", of(Kind.AUDIT), ids=name)
def test_audit(plugin: Plugin) -> None:
    audit = plugin.spec()
    assert isinstance(audit, Audit)
    check_audit(audit)
    check_with_attributes(audit)


@pytest.mark.parametrize("plugin", of(Kind.FACTOR), ids=name)
def test_factor(plugin: Plugin) -> None:
    factor = plugin.spec()
    assert isinstance(factor, Factor)
    check_factor(factor)
    check_with_attributes(factor)


@pytest.mark.parametrize("plugin", of(Kind.DEFENSE), ids=name)
def test_defense(plugin: Plugin) -> None:
    defense = plugin.spec()
    assert isinstance(defense, Defense)
    check_defense(defense)


@pytest.mark.parametrize("plugin", [*of(Kind.ATTACK), *of(Kind.AUDIT), *of(Kind.FACTOR), *of(Kind.DEFENSE)], ids=name)
def test_instances_that_fit_a_data_set(plugin: Plugin) -> None:
    assert issubclass(plugin.spec, Probe | Defense)
    for dataset in (toy_dataset(), Digits().load()):
        found = plugin.spec.for_data(dataset, Split(validation=0.0))
        assert all(type(each) is plugin.spec for each in found)
        assert len({str(each) for each in found}) == len(found)


@pytest.mark.parametrize("plugin", of(Kind.METRIC), ids=name)
def test_metric(plugin: Plugin) -> None:
    metric = plugin.spec()
    assert isinstance(metric, Metric)
    check_metric(metric)


@pytest.mark.parametrize(
    ("first", "second"),
    [pytest.param(a, b, id=f"{a.name}-{b.name}") for a, b in combinations_with_replacement(of(Kind.DEFENSE), 2)],
)
def test_every_pair_of_defenses_trains_or_says_why_not(first: Plugin, second: Plugin) -> None:
    one, other = first.spec(), second.spec()
    assert isinstance(one, Defense)
    assert isinstance(other, Defense)
    try:
        recipe = other.apply(one.apply(TOY_RECIPE))
    except Conflict:
        return
    held = Held(validation=toy_dataset(seed=1).test)
    fitted = recipe.fit(toy_dataset().train, seed=0, held=held, with_accuracy=True)
    assert fitted.facts["train_accuracy"]


@pytest.mark.parametrize("plugin", plugins(), ids=name)
def test_its_shortest_name_finds_it(plugin: Plugin) -> None:
    assert find(short_name(plugin.spec)) is plugin.spec


@pytest.mark.parametrize("plugin", plugins(), ids=name)
def test_it_has_a_line_for_the_list(plugin: Plugin) -> None:
    assert plugin.summary.endswith((".", ")"))


def test_each_outcome_that_shows_a_risk_has_one_primary_metric() -> None:
    """So has utility, which is no risk; how well poison was found is none either, and has none.

    Discrimination has two: parity of decisions and of errors are different questions, and neither bounds the other.

    An audit that puts a proof to the test has none: its result is a validity check.
    """
    metrics = [plugin.spec for plugin in of(Kind.METRIC) if issubclass(plugin.spec, Metric)]
    primary = [metric.outcome_type() for metric in metrics if metric.primary]
    assert [kind for kind, count in Counter(primary).items() if count > 1] == [DiscriminationOutcome]
    tests_of_proofs = {metric.outcome_type() for metric in metrics if metric.shows == "proof"}
    assert {metric.outcome_type() for metric in metrics if metric.riskier} <= {*primary, *tests_of_proofs}


@pytest.mark.parametrize("plugin", plugins(), ids=name)
def test_a_class_is_abstract_or_final(plugin: Plugin) -> None:
    own_bases = [base for base in plugin.spec.__mro__[1:] if issubclass(base, Spec)]
    assert not set(own_bases) & {other.spec for other in plugins()}


@pytest.mark.parametrize("plugin", of(Kind.DERIVATION), ids=name)
def test_derivation(plugin: Plugin) -> None:
    derivation = plugin.spec()
    assert isinstance(derivation, Derivation)
    check_derivation(derivation)
