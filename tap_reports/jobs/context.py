"""What all vendors' workers of a run share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tap_reports.exceptions import Stopped

if TYPE_CHECKING:
    from tap_reports.clock import Clock
    from tap_reports.downloads.work_dir import DiskBudget
    from tap_reports.jobs.event_loop import CallThreads, EngineLoop
    from tap_reports.jobs.task import Task
    from tap_reports.ledger.ledger import Ledger


class NotYet(Exception):
    """A run that waits for nothing leaves a task where it stands; it is worth another look in `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"look again in {seconds:.0f} s")
        self.seconds = seconds


@dataclass(slots=True)
class Over:
    """Event for the main thread: a task is over."""

    task: Task


@dataclass(slots=True)
class Checkpoint:
    """Event for the main thread: a job that the state must name. Its poll waits for `named`."""

    task: Task
    named: asyncio.Future[None]


@dataclass(slots=True, kw_only=True)
class RunContext:
    """What all vendors' workers of a run share.

    Attributes:
        loop: Where their coroutines run.
        clock: The time.
        records: One thread for the ledger's calls, so that they are made in order.
        folder: Returns the folder for downloaded files.
        stopping: True once downloads are to end.
        is_ending: Nothing more may be submitted.
        disk_space_changed: Set when there may be more space on disk, or another job's files are needed next.
        unsettled: Tasks whose submission is on its way, or whose job the state does not yet name.
        looks_once: For `--submit`: submit what may be submitted, poll each job once, and wait for nothing.
    """

    loop: EngineLoop
    clock: Clock
    ledger: Ledger
    records: CallThreads
    run_id: str
    folder: Callable[[], Path]
    disk: DiskBudget
    stopping: Callable[[], bool]
    is_ending: bool = False
    disk_space_changed: asyncio.Event = field(default_factory=asyncio.Event)
    unsettled: set[Task] = field(default_factory=set)
    looks_once: bool = False

    async def checkpoint(self, task: Task) -> None:
        """Have the state name the task's job; returns once it does.

        Raises:
            Stopped: The run is ending.
        """
        self.unsettled.add(task)
        named: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.loop.post(Checkpoint(task, named))
        await named
        self.unsettled.discard(task)
        self.go_on()

    def wait_or_leave(self, seconds: float) -> None:
        """Return if the run may wait so many seconds.

        Raises:
            NotYet: It waits for nothing.
        """
        if self.looks_once:
            raise NotYet(seconds)

    def go_on(self) -> None:
        """Raise Stopped if the run is ending."""
        if self.is_ending:
            raise Stopped("the run is to end")
