"""The command as a user meets it."""

import os
import signal
import subprocess
import sys
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from amulet.cli import app
from amulet.core.errors import InvalidParameter
from amulet.experiments import Experiment, assess, dump_experiment
from amulet.experiments.registry.plugins import plugins


@pytest.fixture
def file(experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "toy.yaml"
    path.write_text(dump_experiment(experiment), encoding="utf-8")
    return path


def amulet(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "120"})
    assert result.exit_code == code, result.output
    return result.output


def test_the_whole_path_of_a_user(file: Path) -> None:
    told = amulet("plan", file, "--workers", 3, "--speed", 20)
    assert "on one process" in told
    assert "the longest chain takes" in told
    assert "So on 3 it takes" in told
    assert "The store grows by about" in told
    assert "Times are of one thread of this machine (cpu), divided by 20 (--speed)." in told
    assert "tasks are left" in amulet("status", file)

    output = amulet("assess", file, "--workers", 1)
    assert "robust accuracy" in output
    assert output.count("2 seeds are too few for verdicts; run again with `--max-seeds 5`") == 1
    assert "Next: amulet report runs/toy --details" in output
    assert "report.html" in output
    assert Path("runs/toy/report.html").stat().st_size < 5_000_000

    assert "Complete." in amulet("status", file)
    assert "Nothing to compute" in amulet("plan", file)
    assert "Nothing to compute" in amulet("assess", file, "--workers", 1)
    assert "report.html" in amulet("report", "runs/toy")
    assert "Robust accuracy" in amulet("report", "runs/toy", "--details")


def test_a_condition_on_verdicts_decides_the_exit_code(file: Path) -> None:
    what = ("assess", file, "--workers", 1)
    assert "no defended row 'dp'" in amulet(*what, "--fail-if", "dp: utility decreases", code=1)
    assert not Path("runs").exists()

    output = amulet(*what, "--fail-if", "dp-sgd: LiRA may change", "--fail-if", "utility may change", code=3)

    assert "The condition 'dp-sgd: LiRA may change' holds: dp-sgd, LiRA(shadows=4), attack AUC" in output
    amulet("report", "runs/toy", "--fail-if", "utility may change", code=3)
    assert "nothing that is assessed" in amulet("report", "runs/toy", "--fail-if", "RMIA increases", code=1)
    amulet(*what)


def test_a_faulty_file_is_told_in_sentences_without_a_traceback(file: Path) -> None:
    file.write_text(file.read_text(encoding="utf-8").replace("seeds: 2", "seeds: 0"), encoding="utf-8")

    output = amulet("assess", file, code=1)

    assert "The 'seeds' of Experiment must be at least 1. Got 0." in output
    assert "Traceback" not in output


def test_a_report_without_results_says_what_to_do(tmp_path: Path) -> None:
    assert "Run `amulet assess` first" in amulet("report", tmp_path, code=1)


def test_files_that_cannot_be_used_are_named_without_a_traceback(file: Path, tmp_path: Path) -> None:
    told = "Not a directory"
    assert told in amulet("plan", file, "--store", file, code=1)
    assert told in amulet("status", file, "--store", file, code=1)

    file.write_bytes(b"name: \xff\n")
    assert "is not YAML" in amulet("plan", file, code=1)

    results = tmp_path / "results.json"
    results.write_bytes(b"\xff")
    assert "is not text" in amulet("report", tmp_path, code=1)
    results.unlink()
    results.mkdir()
    assert "cannot be used" in amulet("report", tmp_path, code=1)


def test_the_list_names_every_kind() -> None:
    listing = amulet("list")
    for name in ("PGD", "LiRA", "AdversarialTraining", "DPSGD", "robust_accuracy", "Mortgages", "LinearNet"):
        assert name in listing
    assert "DPSGD" not in amulet("list", "attack")
    assert "must be one of attack, audit" in amulet("list", "nonsense", code=1)


def test_help_imports_nothing_heavy() -> None:
    check = "import sys, amulet.cli; print(sorted({'torch', 'sklearn', 'scipy', 'pandas', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_reader_that_stops_reading_ends_the_command_quietly() -> None:
    """As `amulet list | head -1` does."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "amulet", "list"]
    ended = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (128 + signal.SIGPIPE, b"")


def test_what_is_published_is_shown_by_the_name_of_a_defense_or_its_family() -> None:
    whole = amulet("literature")
    assert "group_fairness" in whole
    assert "Risks: S1 evasion, S2 poisoning, S3 unauthorized model ownership, P1 membership inference," in whole
    assert "" not in whole.splitlines()
    assert amulet("literature", "DPSGD", "evasion") == amulet("literature", "differential_privacy", "evasion")
    assert "The defense must be one of adversarial_training," in amulet("literature", "RelaxLoss", code=1)


def test_what_is_published_of_two_defenses_is_shown() -> None:
    told = amulet("literature", "AdversarialTraining", "OutlierRemoval").splitlines()
    assert told[:2] == [
        "evasion robustness (in-training) and poisoning robustness (post-training): conflict.",
        "  Predicted by the stages at which they act: both serve; by the method of the study: both serve.",
    ]
    none = amulet("literature", "DPSGD", "explanations").splitlines()[0]
    assert none == "The study has no models with differential privacy and explanations."
    assert "The risk or second defense must be one of evasion," in amulet("literature", "DPSGD", "none", code=1)


def test_plugins_are_listed_in_the_order_of_reports_then_by_name() -> None:
    rows = [[part.strip() for part in line.split("│")[1:4]] for line in amulet("list", "attack").splitlines()]
    listed = [(risk, name) for _, name, risk in filter(None, rows)]
    risks = [risk for risk, _ in groupby(listed, key=itemgetter(0))]
    assert risks[:4] == ["evasion", "poisoning", "unauthorized_model_ownership", "membership_inference"]
    assert len(risks) == len(set(risks))
    assert [name for risk, name in listed if risk == "evasion"] == ["AutoAttack", "PGD", "Transfer", "WorstCase"]


def test_nothing_of_the_list_is_wrapped_in_a_pipe() -> None:
    lines = amulet("list").splitlines()
    rows = [line for line in lines if line.startswith("│")]
    assert len(rows) >= len(plugins())
    assert all(len([line for line in rows if plugin.name in line and plugin.summary in line]) for plugin in plugins())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--workers", "-1"), "It must be a whole number from 1 to 1,024. Got '-1'."),
        (("--workers", "0"), "It must be a whole number from 1 to 1,024. Got '0'."),
        (("--workers", "100000"), "It must be a whole number from 1 to 1,024. Got '100000'."),
        (("--workers", "two"), "Invalid value for '--workers': It must be a whole number from 1 to 1,024. Got 'two'."),
        (("--workers", "1e3"), "Got '1e3'."),
        (("--workers", "9" * 5000), "It must be a whole number from 1 to 1,024. Got '9"),
        (("--max-seeds", "1"), "It must be a whole number from 2 to 1,000. Got '1'."),
        (("--max-seeds", "10000000"), "from 2 to 1,000. Got '10000000'."),
        (("--device", "nonsense"), "The 'device' of plan must be one that torch finds here"),
        (("--device", "cuda:99"), "The 'device' of plan must be one that torch finds here"),
        (("--fail-if", "utility rises"), "'utility rises' is not understood: it must be '[ROW:] WHAT CHANGE'"),
        (("--allow-imports", "a b"), "A name must be a module, a package or module:name. Got 'a b'."),
    ],
)
def test_options_that_cannot_be_are_a_mistake_of_the_command(file: Path, options: tuple[str, str], told: str) -> None:
    output = amulet("assess", file, *options, code=2)
    assert told in output
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--speed", "0"), "Invalid value for '--speed': It must be a number above 0. Got '0'."),
        (("--speed", "fast"), "It must be a number above 0. Got 'fast'."),
        (("--without-data",), "Invalid value for '--without-data': What the records of ImportedDataset"),
    ],
)
def test_plans_that_cannot_be_made_are_a_mistake_of_the_command(
    file: Path, options: tuple[str, ...], told: str
) -> None:
    assert told in amulet("plan", file, *options, code=2)


@pytest.mark.parametrize("workers", [-1, 0, 100_000, True, 1.5, "2"])
def test_numbers_of_workers_that_cannot_be_are_told_in_one_sentence(
    experiment: Experiment, tmp_path: Path, workers: int
) -> None:
    with pytest.raises(InvalidParameter, match=r"The 'workers' of assess must be a whole number from 1 to 1024.* Got "):
        assess(experiment, store=str(tmp_path), workers=workers)


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("seeds: 10000000", "The 'seeds' of Experiment must be at most 1,000. Got 10000000."),
        ("seeds: 1:30", "'1:30' is another number in YAML 1.1 than in YAML 1.2."),
        ("attacks: [LiRA: {shadows: 10000000}]", "The 'shadows' of LiRA must be at most 10,000."),
        ("attacks: [Transfer: {surrogates: 10000000}]", "The 'surrogates' of Transfer must be at most 10,000."),
        ("attacks: [PGD: {steps: 10000000000}]", "The 'steps' of PGD must be at most 1,000,000,000."),
    ],
)
def test_counts_without_end_are_refused_at_once(tmp_path: Path, setting: str, sentence: str) -> None:
    file = tmp_path / "endless.yaml"
    file.write_text(f"name: x\ndataset: Digits\nrecipe: {{Recipe: {{model: LinearNet}}}}\ndefenses: {{}}\n{setting}\n")
    assert sentence in amulet("plan", file, code=1)
