"""Every metric of records can be measured on the records of one sensitive group, whatever the risk."""

import pytest

from amulet.attribute_inference.attacks import AttributeFromOutputs
from amulet.core.measurements.groups import group_codes, measure_by_group, measured_by_group
from amulet.core.outcome import Outcome
from amulet.core.probe import Probe
from amulet.discriminatory_behavior import Discrimination
from amulet.evasion.attacks import PGD
from amulet.experiments.registry.plugins import Kind, metrics_for, plugins
from amulet.membership_inference import PrivacyAudit
from amulet.membership_inference.attacks import LossThreshold
from amulet.poisoning import Sanitization
from amulet.poisoning.attacks import BadNets
from amulet.testing import toy_game
from amulet.unauthorized_model_ownership.attacks import ModelExtraction
from amulet.utility import Utility

PROBES = (
    AttributeFromOutputs(attribute="sex"),
    BadNets(fraction=0.2),
    LossThreshold(),
    ModelExtraction(),
    PGD(epsilon=0.1, steps=2),
    PrivacyAudit(canaries=50),
    Sanitization(BadNets(fraction=0.2)),
    Utility(),
)


@pytest.mark.parametrize("probe", PROBES, ids=str)
def test_each_group_has_the_metric_of_its_own_records(probe: Probe[Outcome]) -> None:
    game = toy_game(probe)
    outcome = probe.play(game)
    assert isinstance(outcome, Outcome)
    codes = group_codes(outcome, game.dataset, "sex")
    for metric in metrics_for(probe, ()):
        found = measure_by_group(metric, outcome, game.dataset, "sex", fewest=1)
        assert found == {str(code): metric(outcome[codes == code]) for code in (0, 1)}


def test_no_outcome_of_records_is_forgotten() -> None:
    """Every registered type of outcome whose metrics can be measured by group is among those above."""
    specs = [plugin.spec for plugin in plugins() if plugin.kind in {Kind.ATTACK, Kind.AUDIT}]
    types = {spec.outcome_type for spec in specs if issubclass(spec, Probe)}
    assert {each for each in types if measured_by_group(each)} == {probe.outcome_type for probe in PROBES}


def test_gaps_between_groups_are_not_measured_within_one() -> None:
    assert not measured_by_group(Discrimination.outcome_type)
