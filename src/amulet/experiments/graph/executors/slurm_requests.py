"""What a job of Slurm asks for: time, memory and a GPU by the needs of its tasks, the rest as the user says."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, Final

SAFETY: Final = 3.0
"""How much more time a job of Slurm asks for than its tasks are estimated to take."""
START: Final = 300.0
"""Seconds that it asks for besides, to start and to read the data set."""


@dataclass(frozen=True)
class SlurmOptions:
    """What `--on slurm:...` sets.

    Attributes:
        jobs: how many jobs of Slurm there are at one time.
        time: minutes of each job; estimated where it is 0.
        mem: gigabytes of each job; estimated where it is 0.
        partition, account, qos, constraint: as in `sbatch`; not given where they are empty.
        cluster: "slurm", or "local" for processes of this machine in place of Slurm, to try it out.
    """

    jobs: int = 32
    time: int = 0
    mem: int = 0
    partition: str = ""
    account: str = ""
    qos: str = ""
    constraint: str = ""
    cluster: str = "slurm"


@dataclass(frozen=True)
class Needs:
    """What tasks need, as far as it can be told.

    Attributes:
        seconds: gives the seconds that a task takes; None where there is no estimate.
        gigabytes: gives the memory that is enough for any task.
        gpu: whether tasks need one.
    """

    seconds: Callable[[Any], float | None] = lambda _: None
    gigabytes: Callable[[], float] = lambda: 4.0
    gpu: bool = False


def asking_for(options: SlurmOptions, needs: Needs, seconds: float, losses: int, folder: Path) -> Any:
    """An executor of submitit whose jobs ask for enough; what was lost gets twice the time and memory each time.

    Args:
        options: of the user.
        needs: of the tasks.
        seconds: that the tasks of the longest job take.
        losses: how often these tasks were lost.
        folder: for what submitit and its jobs exchange.
    """
    from submitit import AutoExecutor  # noqa: PLC0415 - of an extra

    more = 2**losses
    executor = AutoExecutor(folder / "%j", cluster=options.cluster)
    minutes = options.time or ceil((seconds * SAFETY + START) / 60)
    given = {name: getattr(options, name) for name in ("partition", "account", "qos", "constraint")}
    executor.update_parameters(
        name="amulet",
        timeout_min=minutes * more,
        mem_gb=float(options.mem or ceil(needs.gigabytes())) * more,
        cpus_per_task=1,
        gpus_per_node=1 if needs.gpu else None,
        slurm_array_parallelism=options.jobs,
        **{f"slurm_{name}": value for name, value in given.items() if value},
    )
    return executor
