"""Command lines with odd values: the command ends with sentences and a documented exit code, whatever it is given.

Every parameter of every subcommand is found by looking at the command itself; one to three of them get odd texts, or
paths of odd files, folders, stores and results. `AMULET_FUZZ=5000` tries that many new command lines.
"""

import os
import random
import shutil
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import typer
import yaml
from typer.testing import CliRunner

from amulet.cli import app
from amulet.core.text import LONGEST_LINE, visible
from amulet.experiments import Experiment, Plan, Store, dump_experiment
from amulet.models import LinearNet, save_weights
from amulet.testing import toy_dataset

TRIES: Final = int(os.environ.get("AMULET_FUZZ", "0"))
QUICK: Final = 220

TOY: Final = {"ImportedDataset": {"function": "amulet.testing:toy_dataset"}}
MODEL: Final = {"LinearNet": {"hidden": [8], "norm": "group"}}
ATTACKS: Final = [{"PGD": {"epsilon": 0.1, "steps": 1}}]
AUDIT: Final = {"name": "audit", "dataset": TOY, "model": MODEL, "attacks": ATTACKS}
PAIR: Final = {**AUDIT, "name": "pair", "before": "before.safetensors", "after": "before.safetensors"}

VALID: Final[Mapping[str, Mapping[str, str]]] = {
    "init": {"data": "data.csv", "out": "new.yaml"},
    "plan": {"file": "small.yaml"},
    "assess": {"file": "small.yaml", "workers": "1"},
    "status": {"file": "small.yaml"},
    "report": {"folder": "runs/small"},
    "audit": {"weights": "before.safetensors", "file": "audit.yaml"},
    "compare": {"file": "pair.yaml"},
    "list": {},
    "show": {"name": "PGD"},
    "literature": {"defense": "DPSGD"},
    "store verify": {},
    "store gc": {},
    "store export": {"archive": "new.tar"},
    "store import": {"archive": "results.tar"},
}
"""Arguments with which each subcommand ends well."""

TEXTS: Final = (
    "", " ", "x", "x" * 10_000, "a\nb", "\x1b[31m\x1b]0;title\x07", "\u202eabc", "\u2028", "\udcff", "<script>",
    "%s{0}", "nan",
    "-1", "0", "1", "2", "1e9", "9" * 30, "--", "-", "PGD", "DPSGD", "cpu", "cuda", "cuda:99", "meta", "../x", ",",
    "a,b",
    "os:system", "dask://", "dask://[::1", "dask://a:b", "slurm:=", "slurm:x", "ssh://x", "utility decreases",
    "x: utility increases",
    "a: b: c increases", "sex", "\u0663", "1_0", " 5 ", "a\0b", ".", "..", "/", "~", "*", "~nobody/x", "a/" * 3000,
    "z" * 251 + ".yaml",
)  # fmt: skip


def amulet(*arguments: str) -> Any:
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "120"})


@pytest.fixture(scope="module")
def folder(
    small: Experiment, computed_small: tuple[Plan, Store], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A working directory in which every command of `VALID` ends well."""
    place = tmp_path_factory.mktemp("work")
    shutil.copytree(computed_small[1].root, place / "runs" / "store")
    (place / "small.yaml").write_text(dump_experiment(small), encoding="utf-8")
    for name, document in {"audit": AUDIT, "pair": PAIR}.items():
        (place / f"{name}.yaml").write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    save_weights(LinearNet((8,), norm="group").build(toy_dataset().schema), place / "before.safetensors")
    (place / "data.csv").write_text("age,sex,income\n" + "41,m,low\n30,f,high\n25,m,high\n" * 20, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        assert amulet("assess", "small.yaml", "--workers", "1").exit_code == 0
        assert amulet("store", "export", "results.tar").exit_code == 0
        yield place


@pytest.fixture(scope="module")
def values(folder: Path) -> list[str]:
    """Texts, and the paths of odd things beside sound ones."""
    odd = folder / "odd"
    odd.mkdir()
    for make in (odd_files, odd_places, odd_stores, odd_results):
        make(odd)
    return [*TEXTS, "missing", "empty.yaml/x", *sorted(map(str, odd.iterdir()))]


def odd_files(odd: Path) -> None:
    sound, table = Path("small.yaml").read_bytes(), Path("data.csv").read_bytes()
    contents = {
        "empty.yaml": b"", "binary.yaml": bytes(range(256)) * 50, "one line.yaml": b"a" * 2_000_000,
        "nul.yaml": bytes(3),
        "latin 1.yaml": "name: caf\xe9".encode("latin-1"), "utf 16.yaml": "name: x".encode("utf-16"),
        "empty.csv": b"", "binary.csv": bytes(range(256)) * 50, "one line.csv": b"a," * 200_000,
        "header.csv": b"a,b,c\n",
        "quotes.csv": b'a,b\n"1,2\n' * 20, "utf 16.csv": table.decode().encode("utf-16"),
        "no names.csv": b",,\n1,2,3\n2,3,4\n",
        "control.csv": "\x1b[31m,b\u202e,<script>\n1,2,3\n4,5,6\n1,3,4\n".encode(),
        "long name.csv": b"n" * 10_000 + b",b\n1,0\n" * 4,
        "zeros.tar": bytes(20480), "zip.tar": b"PK\3\4" + bytes(100),
        "cut off.tar": Path("results.tar").read_bytes()[:20_000],
        "binary.safetensors": bytes(range(256)), "binary.pt": bytes(range(256)),
        "a\nb.yaml": sound, "quo'te\".yaml": sound, "\x1b[31mred.yaml": sound, "[red].yaml": sound,
        os.fsdecode(b"\xff.yaml"): sound,
    }  # fmt: skip
    for name, content in contents.items():
        (odd / name).write_bytes(content)


def odd_places(odd: Path) -> None:
    links = {
        "loop": "loop",
        "nowhere": "missing",
        "null": "/dev/null",
        "zero": "/dev/zero",
        "full": "/dev/full",
        "proc": "/proc/self/fd",
    }
    for name, target in links.items():
        (odd / name).symlink_to(target)
    for name in ("folder.yaml", "folder.csv", os.fsdecode(b"\xff")):
        (odd / name).mkdir()
    for ending in (".yaml", ".csv", ".tar", ".safetensors"):
        os.mkfifo(odd / f"pipe{ending}")
        (odd / f"without end{ending}").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(odd / "socket"))


def odd_stores(odd: Path) -> None:
    """Files in place of folders, and entries that are anything but files of results."""

    def harmed(name: str, pattern: str, harm: Callable[[Path], object]) -> None:
        store = shutil.copytree(Path("runs", "store"), odd / name)
        for place in list(store.glob(pattern)):
            shutil.rmtree(place) if place.is_dir() else place.unlink()
            harm(place)

    harmed("store: file for results", "results", Path.touch)
    harmed("store: file for tensors", "tensors", Path.touch)
    harmed("store: loop for results", "results", lambda place: place.symlink_to(place.name))
    harmed("store: files for folders", "results/*", Path.touch)
    for kind, pattern in {"results": "results/*/*.json", "tensors": "tensors/*/*.safetensors"}.items():
        harmed(f"store: {kind} empty", pattern, Path.touch)
        harmed(f"store: {kind} binary", pattern, lambda place: place.write_bytes(bytes(range(256))))
        harmed(f"store: {kind} are folders", pattern, Path.mkdir)
        harmed(f"store: {kind} are loops", pattern, lambda place: place.symlink_to(place.name))
        harmed(f"store: {kind} are pipes", pattern, os.mkfifo)
        harmed(f"store: {kind} without end", pattern, lambda place: place.symlink_to("/dev/zero"))


def odd_results(odd: Path) -> None:
    for name in ("results.json", "manifest.json", "report.html", "experiment.yaml"):
        harms: dict[str, Callable[[Path], object]] = {
            "empty": Path.touch, "folder": Path.mkdir, "pipe": os.mkfifo,
            "loop": lambda place: place.symlink_to(place.name),
            "binary": lambda place: place.write_bytes(bytes(range(256))),
            "without end": lambda place: place.symlink_to("/dev/zero"),
            "full": lambda place: place.symlink_to("/dev/full"),
        }  # fmt: skip
        for kind, harm in harms.items():
            place = shutil.copytree(Path("runs", "small"), odd / f"results: {name} {kind}") / name
            place.unlink()
            harm(place)
        (shutil.copytree(Path("runs", "small"), odd / f"results: no {name}") / name).unlink()


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """What takes longer, such as reading a pipe that nobody writes, fails."""

    def interrupt(number: int, frame: object) -> None:
        del frame
        raise AssertionError(f"signal {number} after {seconds} seconds")

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def parameters(command: str) -> list[Any]:
    found: Any = typer.main.get_command(app)
    for name in command.split():
        found = found.commands[name]
    return list(found.params)


def command_line(command: str, given: Mapping[str, str]) -> list[str]:
    options, arguments = command.split(), list[str]()
    for each in parameters(command):
        value = given.get(each.name)
        if value is not None and each.param_type_name == "argument":
            arguments.append(value)
        elif value is not None:
            options += each.opts[:1] if each.is_flag else [each.opts[0], value]
    return [*options, *(["--", *arguments] if arguments else [])]


def odd_command_line(values: list[str], rng: random.Random) -> list[str]:
    command = rng.choice(list(VALID))
    known = [each.name for each in parameters(command)]
    chosen = rng.sample(known, min(len(known), rng.choice((1, 1, 2, 3))))
    return command_line(command, {**VALID[command], **{name: rng.choice(values) for name in chosen}})


def test_every_command_line_ends_as_documented(folder: Path, values: list[str]) -> None:
    rng = random.Random() if TRIES else random.Random(4)  # noqa: S311 - no secret
    for _ in range(TRIES or QUICK):
        for made in ("new.yaml", "new.tar"):
            (folder / made).unlink(missing_ok=True)
        line = odd_command_line(values, rng)
        with at_most(seconds=300):
            result = amulet(*line)
        assert result.exit_code in range(5), (line, result.output)
        require_told(result.output, line)


def require_told(output: str, line: list[str]) -> None:
    """Something is said, in text that a terminal only prints, of bounded length, and of nothing unforeseen."""
    assert output.strip(), line
    assert "Traceback" not in output, line
    assert "code that it was given, failed" not in output, (line, output)
    assert visible(output) == output, (line, output)
    assert max(map(len, output.splitlines())) <= LONGEST_LINE + 200, line


def test_valid_command_lines_end_well(folder: Path) -> None:
    for command in ("status", "report", "store verify", "show", "literature", "list", "init", "store import"):
        result = amulet(*command_line(command, VALID[command]))
        assert result.exit_code == 0, (command, result.output)
    assert (folder / "new.yaml").exists()


@pytest.mark.parametrize(
    "line", [["x" * 10_000], ["--" + "x" * 10_000], ["\u202e"], ["list", "a", "\u202e"], ["store", "\x1b[31m"]]
)
def test_unknown_commands_and_options_are_shown_visibly(line: list[str]) -> None:
    result = amulet(*line)
    assert result.exit_code == 2
    require_told(result.output, line)
