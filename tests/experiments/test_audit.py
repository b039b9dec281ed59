"""One call for one model: what is run, what is left out and why, and numbers that the parts give by themselves."""

from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import Tensor, nn
from typer.testing import CliRunner

import amulet
from amulet.cli import app
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import AmuletError, InvalidData, InvalidParameter
from amulet.core.measurements.estimate import Estimate, estimate
from amulet.data_reconstruction.attacks import ModelInversion
from amulet.discriminatory_behavior import Discrimination
from amulet.evasion.attacks import PGD
from amulet.evasion.metrics import robust_accuracy
from amulet.experiments import AuditResults, load_audit
from amulet.experiments.model_audit.applicable import applicable, registered_probes
from amulet.experiments.registry.plugins import Kind, plugins
from amulet.membership_inference.attacks import LiRA, LossThreshold
from amulet.membership_inference.metrics import auc
from amulet.models import LinearNet, save_weights
from amulet.poisoning.attacks import BadNets
from amulet.report.pages.audit_page import render_audit
from amulet.report.pages.audit_terminal import audit_table
from amulet.report.words.audit_words import audit_in_short
from amulet.testing import toy_dataset
from amulet.training import Recipe
from amulet.utility import Utility

FILE = """\
name: mine
dataset:
  ImportedDataset: {function: "amulet.testing:toy_dataset"}
model:
  LinearNet: {hidden: [8], norm: group}
"""


@pytest.fixture(scope="module")
def model() -> nn.Module:
    """Trained on the training part of the toy data until it has learned them."""
    recipe = Recipe(LinearNet((8,), norm="group"), epochs=20, batch_size=16)
    return recipe.fit(toy_dataset().train, seed=0).model


@pytest.fixture(scope="module")
def data() -> AmuletDataset:
    return toy_dataset()


@pytest.fixture(scope="module")
def known(model: nn.Module, data: AmuletDataset) -> AuditResults:
    """Some that can be run and some that cannot, with the records that the model was trained on."""
    probes: list[Any] = [
        Utility(),
        Discrimination("sex"),
        PGD(),
        ModelInversion(),
        LossThreshold(),
        LiRA(),
        BadNets(),
    ]
    return amulet.audit(model, data, members=data.train, others=data.test, probes=probes, resamples=800)


def test_values_and_intervals_are_those_of_the_attacks_by_themselves(
    known: AuditResults, model: nn.Module, data: AmuletDataset
) -> None:
    evaded = estimate(robust_accuracy, PGD().attack(model, data.test, seed=0), resamples=800)
    assert isinstance(evaded, Estimate)

    (cell,) = [cell for cell in known.cells if (cell.column.probe, cell.column.metric) == ("PGD", "robust_accuracy")]
    assert (cell.value, cell.interval) == (evaded.value, evaded.interval)
    (told,) = known.frame.query("probe == 'LossThreshold' and metric == 'auc'").itertuples()
    assert told.value == pytest.approx(auc(LossThreshold().attack(model, data.train, data.test)))


def test_a_trivial_baseline_stands_beside_each_value(known: AuditResults, data: AmuletDataset) -> None:
    baselines = known.frame.set_index(["probe", "metric"]).baseline
    most = data.test.y.bincount().max().item() / len(data.test)
    assert baselines["LossThreshold", "auc"] == 0.5
    assert baselines["Utility", "balanced_accuracy"] == 0.5
    assert baselines["Utility", "accuracy"] == pytest.approx(most)
    assert baselines["ModelInversion", "mse"] > 0


def test_what_is_not_run_is_left_out_with_the_reason(known: AuditResults) -> None:
    reasons = {each.name: each.reason for each in known.left_out}
    assert reasons["LiRA"] == "needs 16 shadow models"
    assert "tampered records" in reasons["BadNets"]
    assert not set(known.frame.probe) & set(reasons)


def test_by_default_every_registered_probe_is_run_or_left_out(dataset: AmuletDataset) -> None:
    probes = registered_probes(dataset)
    run, left_out = applicable(probes, nn.Linear(5, 2), dataset, members_known=True)

    assert {type(probe) for probe in probes} == {p.spec for p in plugins() if p.kind in {Kind.ATTACK, Kind.AUDIT}}
    assert len(run) + len(left_out) == len(probes)
    assert {str(Discrimination("sex")), str(Discrimination("race")), "PGD", "AutoAttack"} <= set(map(str, run))
    assert not any(
        probe.needs_members for probe in applicable(probes, nn.Linear(5, 2), dataset, members_known=False)[0]
    )


def test_without_members_nothing_is_said_of_membership(model: nn.Module, data: AmuletDataset) -> None:
    results = amulet.audit(model, data, probes=[Utility(), LossThreshold()])

    (left,) = results.left_out
    assert (left.name, left.risk) == ("LossThreshold", "membership_inference")
    assert "needs records that the model was trained on" in left.reason
    assert results.records == {"members": 0, "others": 0, "test": 32}


def test_checks_say_whether_the_model_has_learned_and_attacks_reach_anything(data: AmuletDataset) -> None:
    untrained = nn.Linear(6, 2)
    nn.init.zeros_(untrained.weight)
    results = amulet.audit(untrained, data, probes=[Utility(), PGD()])

    states = {(gate.name, gate.about): gate.state.value for gate in results.gates}
    assert states["model", None] == "failed"
    assert states["attack", "PGD"] == "failed"
    assert "decides hardly better" in repr(results)


class Leaky(nn.Module):
    """Knows by heart the training records that it has, and is sure of their classes alone."""

    def __init__(self, data: AmuletDataset) -> None:
        super().__init__()
        self.register_buffer("x", data.train.x)
        self.register_buffer("y", data.train.y)

    def forward(self, x: Tensor) -> Tensor:
        distance, nearest = torch.cdist(x, self.get_buffer("x")).min(1)
        sure = nn.functional.one_hot(self.get_buffer("y")[nearest], 2).float()
        return 2 * sure + 10 * sure * (distance[:, None] < 1e-6)


def test_an_attack_that_finds_something_passes_its_check(data: AmuletDataset) -> None:
    results = amulet.audit(Leaky(data), data, members=data.train, others=data.test, probes=[LossThreshold()])

    (gate,) = [gate for gate in results.gates if gate.about == "LossThreshold"]
    assert gate.state.value == "passed"
    assert results.frame.set_index("metric").value["auc"] > 0.85
    assert list(audit_in_short(results)) == [
        "Attacks that reach more than chance: P1 Membership inference (LossThreshold)."
    ]


def test_the_page_begins_with_what_was_found_and_who_differs_most(data: AmuletDataset) -> None:
    untrained = nn.Linear(6, 2)
    nn.init.zeros_(untrained.weight)
    results = amulet.audit(untrained, data, probes=[Utility(), PGD(), PGD(steps=3), Discrimination("sex", fewest=5)])

    first, groups = audit_in_short(results)
    assert first == "No attack is shown to reach more than chance: S1 Evasion."
    assert groups.startswith("By sex, the favourable decision goes to ")
    page = render_audit(results, {})
    assert page.index(first) < page.index("This model only")
    assert "PGD, PGD(steps=3)" in page, "what follows from both checks stands there once"
    assert "net of what chance gives" not in page, "nothing is compared"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"members": "train"}, "The 'members' and 'others' of audit must be given together"),
        ({"members": "train", "others": "train"}, "The 'others' of audit must be none of the 'members'"),
    ],
)
def test_records_that_cannot_be_right_are_told(
    model: nn.Module, data: AmuletDataset, given: dict[str, str], sentence: str
) -> None:
    records = {name: getattr(data, part) for name, part in given.items()}
    with pytest.raises((InvalidParameter, InvalidData), match=sentence):
        amulet.audit(model, data, probes=[Utility()], **records)


def test_a_model_of_other_records_is_told(data: AmuletDataset) -> None:
    with pytest.raises(InvalidParameter, match="The model cannot take records of shape"):
        amulet.audit(nn.Linear(5, 2), data)
    with pytest.raises(
        InvalidParameter, match="None of the attacks and audits can be run: LiRA needs 16 shadow models"
    ):
        amulet.audit(nn.Linear(6, 2), data, probes=[LiRA()])
    with pytest.raises(AmuletError, match="an AmuletDataset"):
        amulet.audit(nn.Linear(6, 2), data.test)  # type: ignore[arg-type]
    with pytest.raises(InvalidParameter, match=r"The 'probes' of ModelQuestions must be a list\. Got Utility"):
        amulet.audit(nn.Linear(6, 2), data, probes=Utility())  # type: ignore[arg-type]


def test_results_survive_their_file_and_show_themselves(known: AuditResults) -> None:
    assert AuditResults.from_json(known.to_json()) == known
    assert "robust_accuracy" in repr(known)
    assert "<table" in known._repr_html_()
    page = render_audit(known, {})
    assert page == render_audit(AuditResults.from_json(known.to_json()), {})
    for text in (
        "One trained model, every risk",
        "needs 16 shadow models",
        "always naming one class: 0.500",
        "Records",
    ):
        assert text in page
    with Console(width=120).capture() as _:
        Console(width=120).print(audit_table(known))


def test_the_command_audits_a_file_of_weights(
    model: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save_weights(model, "net.safetensors")
    Path("mine.yaml").write_text(f"{FILE}members: train\nattacks: LossThreshold\naudits: Utility\n", encoding="utf-8")

    ended = CliRunner().invoke(app, ["audit", "net.safetensors", "mine.yaml"], env={"COLUMNS": "120"})

    assert ended.exit_code == 0, ended.output
    assert "Attack AUC" in ended.stdout
    results = AuditResults.read("runs/mine")
    assert results.records == {"members": 128, "others": 32, "test": 32}
    assert set(results.frame.probe) == {"Utility", "LossThreshold"}
    swapped = CliRunner().invoke(app, ["audit", "mine.yaml", "net.safetensors"])
    assert swapped.exit_code == 2
    assert "The weights come first: amulet audit net.safetensors mine.yaml" in swapped.output
    again = CliRunner().invoke(app, ["report", "runs/mine"])
    assert again.exit_code == 0, again.output


def test_a_file_may_name_the_split_of_an_assessment(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"{FILE}split: {{seed: 3}}\n", encoding="utf-8")
    asked = load_audit(path)
    held = asked.held(toy_dataset())
    assert len(held["members"]) + len(held["others"]) <= 128
    assert asked.questions.probes is None

    path.write_text(f"{FILE}split: {{seed: 3}}\nmembers: train\n", encoding="utf-8")
    with pytest.raises(InvalidParameter, match="both say what the model was trained on"):
        load_audit(path)


@pytest.mark.parametrize("command", ["audit", "compare"])
def test_an_interruption_says_that_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    for name in ("load_audit", "load_pair"):
        monkeypatch.setattr(f"amulet.experiments.yaml.config.{name}", interrupted)
    (tmp_path / "x.yaml").touch()
    files = [str(tmp_path / "x.yaml")] * (2 if command == "audit" else 1)

    ended = CliRunner().invoke(app, [command, *files, "--out", str(tmp_path / "out")])

    assert ended.exit_code == 130
    assert "Interrupted. Nothing was written; the same command begins anew." in ended.output
    assert not (tmp_path / "out").exists()
