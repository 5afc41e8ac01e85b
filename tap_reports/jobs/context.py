"""What the workers of a run share, all of them and those of one account."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tap_reports.exceptions import Stopped

if TYPE_CHECKING:
    from tap_reports.client import ReportClient
    from tap_reports.clock import Clock
    from tap_reports.downloads.work_dir import DiskBudget
    from tap_reports.http.retries import RetryPolicy
    from tap_reports.jobs.event_loop import CallThreads, EngineLoop
    from tap_reports.jobs.task import Task
    from tap_reports.ledger.ledger import Ledger
    from tap_reports.vendor import Vendor, VendorConfig


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


WriteState = Callable[[bool], float]
"""Writes the state if it is due, or in any case. Returns the seconds until it is; 0 if all is written."""


class Naming:
    """Gathers jobs, and has the state name them all at once.

    Args:
        loop: Where their coroutines wait.
        on_submitted: Called for each task, to name its job in the state.
        write_state: Called then. The jobs are polled when it has returned 0.
    """

    def __init__(
        self, loop: EngineLoop, on_submitted: Callable[[Task], None], write_state: WriteState
    ) -> None:
        self.on_submitted = on_submitted
        self._loop = loop
        self._write_state = write_state
        self._unnamed: list[asyncio.Future[None]] = []

    @property
    def is_owed(self) -> bool:
        """True while a job waits to be named."""
        return bool(self._unnamed)

    def add(self, checkpoint: Checkpoint) -> None:
        """Name a job with the next state."""
        self._unnamed.append(checkpoint.named)
        self.on_submitted(checkpoint.task)

    def write(self, *, now: bool) -> float:
        """Write the state if jobs wait for that, and let them be polled.

        Where it can't be written that is not tried again: nobody waits for it. Returns the seconds until it
        is due, 0 if it is written.
        """
        seconds = 0.0
        try:
            if self._unnamed:
                seconds = self._write_state(now)
        finally:
            if not seconds:
                for named in self._unnamed:
                    self._loop.soon(_set, named)
                self._unnamed.clear()
        return seconds


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What all that works for one vendor's account shares.

    Attributes:
        vendor, client: The vendor.
        policy: For broken, refused and lost calls.
        calls: Threads for its calls.
        run: What all vendors share.
    """

    vendor: Vendor
    client: ReportClient
    policy: RetryPolicy
    calls: CallThreads
    run: RunContext

    @property
    def config(self) -> VendorConfig:
        """The vendor's block."""
        return self.client.config
