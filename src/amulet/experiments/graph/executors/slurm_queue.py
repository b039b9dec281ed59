"""What Slurm's queue says of jobs, by `squeue`: every Slurm has it, whereas `sacct` needs accounting."""

import subprocess
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

ENDED: Final = frozenset(
    {
        "BOOT_FAIL",
        "CANCELLED",
        "COMPLETED",
        "DEADLINE",
        "FAILED",
        "NODE_FAIL",
        "OUT_OF_MEMORY",
        "PREEMPTED",
        "REVOKED",
        "TIMEOUT",
    }
)
"""States that a job does not leave. One that is put in the queue again is PENDING."""

FORGOTTEN: Final = "no longer in the queue"
"""Stands for the state of a job that Slurm has forgotten, as it does some minutes after the job's end."""

USUAL: Final = frozenset(
    {
        "None",
        "BeginTime",
        "Cleaning",
        "Dependency",
        "JobArrayTaskLimit",
        "NodeDown",
        "Priority",
        "Prolog",
        "Resources",
    }
)
"""Reasons to wait that pass by themselves."""

ANSWER: Final = 60.0
"""Seconds that Slurm has to answer."""


@dataclass(frozen=True)
class Queued:
    """A job as the queue shows it: its state, and the reason why it waits or has ended."""

    state: str
    reason: str = ""

    @property
    def has_ended(self) -> bool:
        """Whether the job will not run again."""
        return self.state in ENDED or self.state == FORGOTTEN

    @property
    def is_stuck(self) -> bool:
        """Whether the job waits for something that need not come, such as a limit of its partition to be raised."""
        return self.state == "PENDING" and self.reason not in USUAL


def asked(jobs: Collection[str]) -> dict[str, Queued]:
    """What the queue says of jobs, by their numbers; empty if Slurm does not answer.

    Args:
        jobs: the numbers of jobs, such as "7", or "7_0" for one of an array.
    """
    command = ["squeue", "--noheader", "--array", "--states=all", f"--jobs={','.join(jobs)}", "--format=%i|%T|%r"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return {}
    if done.returncode and "Invalid job id" not in done.stderr:  # which it says if it knows none of them
        return {}
    lines = (line.split("|") for line in done.stdout.splitlines() if line.count("|") == 2)
    known = {number.strip(): Queued(state.strip(), reason.strip()) for number, state, reason in lines}
    return {job: known.get(job, Queued(FORGOTTEN)) for job in jobs}
