"""What every test may use: small data sets, a recipe of two epochs, one thread a process."""

import importlib
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings

from amulet.core.dataset import AmuletDataset
from amulet.datasets import from_arrays
from amulet.models import LinearNet
from amulet.training import Recipe

torch.set_num_threads(1)
signal.signal(signal.SIGINT, signal.default_int_handler)  # which is ignored where the tests run in the background

settings.register_profile(
    "amulet",
    deadline=None,
    max_examples=40,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],  # which is the machine's fault, not the test's
)
settings.load_profile("amulet")

RunPython = Callable[..., str]
RealData = Callable[[str], Path]
UserModule = Callable[[str, str], None]
NearlyFull = Callable[[int], AbstractContextManager[None]]


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Processed data sets are cached in a folder of this run."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("AMULET_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def real_data() -> RealData:
    """The folder of a real data set under $AMULET_DATA, by a file in it; the test is skipped without it."""

    def find(file: str) -> Path:
        root = os.environ.get("AMULET_DATA")
        if not root:
            pytest.skip(f"needs {file} in the folder that AMULET_DATA names")
        place = Path(root, file)
        if not place.exists():
            pytest.skip(f"needs {file}, which is not in $AMULET_DATA")
        return place

    return find


@pytest.fixture(scope="session")
def dataset() -> AmuletDataset:
    """200 training and 100 test applications: five numbers in [0, 1], two classes, two sensitive attributes.

    `sex` has two groups, `race` three and some records where it is missing.
    """
    rng = np.random.default_rng(0)
    x = rng.random((300, 5)).astype(np.float32)
    y = (x[:, 0] + x[:, 1] + 0.3 * rng.standard_normal(300) > 1).astype(np.int64)
    sex = rng.choice(["female", "male"], 300)
    race = rng.choice(np.array(["black", "hispanic", "white", None], dtype=object), 300, p=[0.2, 0.2, 0.5, 0.1])
    return from_arrays(
        (x[:200], y[:200]),
        (x[200:], y[200:]),
        sensitive=({"sex": sex[:200], "race": race[:200]}, {"sex": sex[200:], "race": race[200:]}),
        classes=["refused", "granted"],
        positive="granted",
        bounds=(0.0, 1.0),
        name="applications",
    )


@pytest.fixture(scope="session")
def images() -> AmuletDataset:
    """60 training and 30 test images of three channels of 6 x 6 bytes, in three classes."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (90, 3, 6, 6), dtype=np.uint8)
    y = np.arange(90) % 3
    return from_arrays((x[:60], y[:60]), (x[60:], y[60:]), name="stamps")


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    """A net of one hidden layer, without layers that mix records, for two epochs."""
    return Recipe(LinearNet(hidden=(8,), norm="group"), epochs=2, batch_size=32)


@pytest.fixture
def double() -> Iterator[None]:
    """Models are built in float64, so that rounding hides nothing."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def user_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UserModule:
    """Write a module of the user's own, (name, source), to be imported by its name; again, to edit it."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name: str, source: str) -> None:
        (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")
        monkeypatch.delitem(sys.modules, name, raising=False)
        importlib.invalidate_caches()

    return write


@pytest.fixture
def nearly_full() -> NearlyFull:
    """Within the block no file may grow beyond so many bytes, as on a disk that is full."""

    @contextmanager
    def limited(size: int) -> Iterator[None]:
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    return limited


FORKING = """
import io, json, os, sys, threading, traceback
import amulet.experiments

def run(code, folder):
    sys.path.insert(0, folder)
    printed = sys.stdout = io.StringIO()
    try:
        exec(code, {"__name__": "__main__"})
    except BaseException:
        return {"error": traceback.format_exc()}
    return {"printed": printed.getvalue()}

assert threading.active_count() == 1
for line in sys.stdin:
    if os.fork() == 0:
        print(json.dumps(run(*json.loads(line))), file=sys.__stdout__, flush=True)
        os._exit(0)
    _, status = os.wait()
    if status:
        print(json.dumps({"error": f"It ended with status {status}."}), flush=True)
"""
"""Runs the code of each line in a process of its own, which has imported Amulet and nothing else."""


@pytest.fixture(scope="session")
def forking() -> Iterator["subprocess.Popen[str]"]:
    """A process to fork others from, so that a new one takes no seconds to import torch."""
    environment = os.environ | {"PYTHONHASHSEED": "1", "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", FORKING], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        assert process.stdin
        process.stdin.close()


@pytest.fixture
def run_python(tmp_path: Path, forking: "subprocess.Popen[str]") -> RunPython:
    """Run code in a new process that can import what lies in `tmp_path`; what it prints.

    The process has another hash seed than this one.
    """

    def run(code: str, folder: Path = tmp_path) -> str:
        assert forking.stdin
        assert forking.stdout
        forking.stdin.write(json.dumps([code, str(folder)]) + "\n")
        forking.stdin.flush()
        answer = json.loads(forking.stdout.readline())
        assert "error" not in answer, answer["error"]
        return str(answer["printed"]).strip()

    return run
