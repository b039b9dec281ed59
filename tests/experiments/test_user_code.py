"""Code of the user's own cannot end the program, pass for a result, or change what later tasks find."""

import os
import random
import signal
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.modules import module as modules
from typer.testing import CliRunner

from amulet.cli import app
from amulet.core.errors import UserCodeFailed
from amulet.core.split import Split
from amulet.core.user_code.containment import contained, text_of, told
from amulet.datasets import ImportedDataset
from amulet.experiments import BASELINE, Experiment, Store, dump_experiment, plan
from amulet.experiments.assess import carry_out, prepare
from amulet.experiments.graph.failures import RunFailed
from amulet.experiments.graph.runner import run
from amulet.experiments.graph.surroundings import known_surroundings
from amulet.models import ImportedModel, LinearNet
from amulet.training import TrainingFunction
from amulet.utility import Utility

UserModule = Callable[[str, str], None]


class Silent(Exception):  # noqa: N818
    """Has no text, and more than that."""

    def __str__(self) -> str:
        raise SystemExit(0)


ENDINGS = (SystemExit(0), SystemExit(), GeneratorExit(), KeyboardInterrupt(), BaseException("x"))

MODULE = """
import os, signal, sys, warnings

class Silent(Exception):
    def __str__(self):
        raise SystemExit(0)
    __repr__ = __str__

def fail(model, data, seed, how):
    match how:
        case "exit":
            sys.exit(0)
        case "generator":
            raise GeneratorExit
        case "interrupt":
            raise KeyboardInterrupt
        case "silent":
            raise Silent
        case "stop":
            raise StopIteration(1)
        case "leave":
            os._exit(0)
        case "fork":
            warnings.simplefilter("ignore")
            child = os.fork()
            if child == 0:
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def small(user_module: UserModule) -> Experiment:
    """Its training function is to be written by each test, which gives it other arguments."""
    user_module("failing", MODULE)
    return Experiment(
        name="small",
        dataset=ImportedDataset("amulet.testing:toy_dataset"),
        recipe=TrainingFunction("failing:fail", LinearNet((4,)), (("how", "nothing"),)),
        defenses=(),
        audits=(Utility(),),
        seeds=1,
        split=Split(validation=0.0),
    )


def failing(experiment: Experiment, how: str) -> Experiment:
    return replace(experiment, recipe=TrainingFunction("failing:fail", LinearNet((4,)), (("how", how),)))


@pytest.mark.parametrize("ending", ENDINGS, ids=repr)
def test_what_would_end_the_program_is_a_failure(ending: BaseException) -> None:
    with pytest.raises(UserCodeFailed, match=rf"^its code raised {type(ending).__name__}.*\(test_user_code.py:\d+\)"), \
            contained("its code"):  # fmt: skip
        raise ending


def test_other_exceptions_pass_as_they_are() -> None:
    with pytest.raises(StopIteration), contained("its code"):
        raise StopIteration


def _stopped_early() -> None:
    with suppress(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def _ended() -> None:
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        sys.exit(0)


def test_control_c_is_no_failure_even_if_the_code_swallows_it() -> None:
    with pytest.raises(KeyboardInterrupt), contained("its code"):
        signal.raise_signal(signal.SIGINT)
    for code in (_stopped_early, _ended):
        with pytest.raises(KeyboardInterrupt), contained("its code"):
            code()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_exception_without_text_is_told_by_its_type() -> None:
    assert told(Silent()) == "Silent: a Silent whose text cannot be had (SystemExit)"
    assert text_of("a\nb\x1b[31mc") == "a b\N{REPLACEMENT CHARACTER}[31mc"
    assert len(text_of("x" * 10_000)) == 500


@pytest.mark.parametrize("workers", [1, 2])
def test_a_task_that_would_end_the_program_is_named(small: Experiment, tmp_path: Path, workers: int) -> None:
    told_as = {
        "exit": "'failing:fail' raised SystemExit: 0 (failing.py:12), which would have ended the program.",
        "generator": "'failing:fail' raised GeneratorExit (failing.py:14), which would have ended the program.",
        "interrupt": "'failing:fail' raised KeyboardInterrupt (failing.py:16), which would have ended the program.",
        "silent": "Silent: a Silent whose text cannot be had (SystemExit) (failing.py:18)",
        "leave": "'failing:fail' raised SystemExit: 0 (failing.py:22), which would have ended the program.",
        "stop": "StopIteration: 1 (failing.py:20)",
    }
    store, planned = Store(tmp_path / "store"), [plan(failing(small, how)) for how in told_as]
    prepare(planned[0], store)
    failures = run([each.target(BASELINE, seed=0) for each in planned], store, workers=workers).failures.values()
    assert all(failure.task.startswith("training TrainingFunction(") for failure in failures)
    assert sorted(failure.error for failure in failures) == sorted(told_as.values())


def test_processes_that_code_forks_may_end(small: Experiment, tmp_path: Path) -> None:
    assert carry_out(plan(failing(small, "fork")), Store(tmp_path / "store"), workers=1)[1].values


def test_a_worker_that_dies_costs_its_task_only(
    small: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("amulet.experiments.graph.runner.TRIES", 2)
    with pytest.raises(RunFailed) as caught:
        carry_out(plan(failing(small, "kill")), Store(tmp_path / "store"), workers=2)

    headline, line = str(caught.value).splitlines()
    assert headline == "1 task failed; nothing could be measured:"
    assert ": the process that computed it ended by SIGKILL, 2 times. Is there enough memory" in line
    assert caplog.text.count("ended by SIGKILL. It is tried again.") == 1


ONCE = """
import os, signal
from pathlib import Path

def fail(model, data, seed, how):
    mark = Path(how, str(seed))
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_task_whose_worker_was_lost_once_is_computed_by_another(
    small: Experiment, tmp_path: Path, user_module: UserModule
) -> None:
    user_module("failing", ONCE)
    (tmp_path / "marks").mkdir()
    _, results = carry_out(plan(failing(small, str(tmp_path / "marks"))), Store(tmp_path), workers=2)
    assert len(results.values) > 0
    assert len(list((tmp_path / "marks").iterdir())) == 1


COMMAND = """
import sys
sys.exit(0)
"""


def test_the_command_tells_code_that_would_end_it(
    small: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a model while the work is planned, as a data set, and as a module that ends when it is imported."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ending.py").write_text(COMMAND, encoding="utf-8")
    text = dump_experiment(small)
    for old, new in {
        "ImportedDataset:\n    function: amulet.testing:toy_dataset": "ImportedDataset:\n    function: sys:exit",
        "failing:fail": "ending:fail",
    }.items():
        assert old in text
        (tmp_path / "small.yaml").write_text(text.replace(old, new), encoding="utf-8")
        for command in ("plan", "status", "assess"):
            result = CliRunner().invoke(app, [command, "small.yaml", "--allow-imports", "sys"])
            assert result.exit_code == 1, result.output
            assert "SystemExit" in result.output
            assert "Traceback" not in result.output
    with pytest.raises(UserCodeFailed, match=r"^'sys:exit' raised SystemExit"):
        ImportedModel("sys:exit").build(None)  # type: ignore[arg-type]


def _leave_behind(folder: Path) -> None:
    torch.set_grad_enabled(False)
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    torch.set_num_threads(3)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.set_float32_matmul_precision("medium")
    torch.set_anomaly_enabled(True)
    torch.set_autocast_enabled("cpu", True)
    torch.backends.cudnn.benchmark = True
    modules.register_module_forward_hook(lambda *_: None)
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    np.seterr(all="raise")
    warnings.simplefilter("ignore")
    os.chdir(folder)
    os.umask(0o777)
    os.environ["LEFT"] = "behind"
    sys.stdout = sys.stderr
    sys.setrecursionlimit(5_000)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _found() -> dict[str, object]:
    umask = os.umask(0)
    os.umask(umask)
    return {
        "umask": umask,
        "gradients": torch.is_grad_enabled(),
        "type": torch.get_default_dtype(),
        "device": torch.get_default_device(),
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "anomaly": torch.is_anomaly_enabled(),
        "precision": torch.get_float32_matmul_precision(),
        "autocast": torch.is_autocast_enabled("cpu"),
        "benchmark": torch.backends.cudnn.benchmark,
        "hooks": dict(modules._global_forward_hooks),
        "torch": torch.rand(1).item(),
        "python": random.random(),  # noqa: S311
        "numpy": np.random.rand(),  # noqa: NPY002
        "errors": np.geterr(),
        "filters": list(warnings.filters),
        "folder": Path.cwd(),
        "environment": dict(os.environ),
        "output": sys.stdout,
        "recursion": sys.getrecursionlimit(),
    }


def test_what_code_leaves_behind_reaches_nobody(tmp_path: Path) -> None:
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy(), Path.cwd()  # type: ignore[index] # noqa: NPY002
    with contained("it"), known_surroundings(0):
        first = _found()
        _leave_behind(tmp_path)
    with contained("it"), known_surroundings(0):
        second = _found()
    after = torch.get_rng_state(), random.getstate(), np.random.get_state()[1], Path.cwd()  # type: ignore[index] # noqa: NPY002

    assert second == first
    assert torch.equal(before[0], after[0])
    assert before[1] == after[1]
    assert (before[2] == after[2]).all()
    assert before[3] == after[3]


def test_inference_mode_that_is_never_left_ends_with_its_task() -> None:
    kept = torch.inference_mode()
    with known_surroundings(0):
        kept.__enter__()
    with known_surroundings(0):
        assert torch.zeros(1, requires_grad=True).exp().requires_grad


def test_settings_of_the_caller_reach_no_task_and_are_kept() -> None:
    torch.set_default_dtype(torch.float64)
    try:
        with known_surroundings(0):
            assert torch.zeros(1).dtype == torch.float32
        assert torch.zeros(1).dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


SETTING = """
import numpy as np, torch

def fail(model, data, seed, how):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.from_numpy(np.random.rand(*parameter.shape)))
    torch.set_grad_enabled(False)
"""


def test_code_that_draws_from_numpy_gives_the_same_on_any_number_of_processes(
    small: Experiment, tmp_path: Path, user_module: UserModule
) -> None:
    user_module("failing", SETTING)
    small = replace(small, seeds=2)
    alone = carry_out(plan(small), Store(tmp_path / "alone"), workers=1)[1].to_json()
    together = carry_out(plan(small), Store(tmp_path / "together"), workers=2)[1].to_json()
    assert alone == together
