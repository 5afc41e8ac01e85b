"""What the workers of a run share, all of them and those of one account."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tap_reports.exceptions import Stopped
from tap_reports.jobs.next_step import Rules
from tap_reports.vendor import Retries

if TYPE_CHECKING:
    from tap_reports.client import ReportClient
    from tap_reports.clock import Clock
    from tap_reports.downloads.work_dir import DiskBudget
    from tap_reports.http.retries import RetryPolicy
    from tap_reports.jobs.event_loop import CallThreads, EngineLoop
    from tap_reports.jobs.task import Task
    from tap_reports.ledger.ledger import Ledger
    from tap_reports.vendor import Vendor, VendorConfig


class WouldWait(Exception):
    """Raised by `--submit`, which does not wait, where a sync would wait for `seconds` seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"look again in {seconds:.0f} s")
        self.seconds = seconds


@dataclass(slots=True)
class TaskDone:
    """For the main thread: a task is finished."""

    task: Task


@dataclass(slots=True)
class Checkpoint:
    """For the main thread: a job to add to the state. It is polled once `written` is set."""

    task: Task
    written: asyncio.Future[None]


@dataclass(slots=True, kw_only=True)
class EngineContext:
    """What all vendors' workers of a run share.

    Attributes:
        loop: Where their coroutines run.
        clock: The time.
        ledger_thread: One thread for the ledger's calls, so that they are made in order.
        folder: Returns the folder for downloaded files.
        should_stop_downloads: Returns True once downloads must end.
        is_stopping: True once nothing more may be submitted.
        disk_space_changed: Set when there may be more space on disk, or another job's files are needed next.
        unconfirmed: Tasks whose submission is not answered yet, or whose job is not in the written state yet.
        looks_once: For `--submit`: submit what may be submitted, poll each job once, and wait for nothing.
    """

    loop: EngineLoop
    clock: Clock
    ledger: Ledger
    ledger_thread: CallThreads
    run_id: str
    folder: Callable[[], Path]
    disk: DiskBudget
    should_stop_downloads: Callable[[], bool]
    is_stopping: bool = False
    disk_space_changed: asyncio.Event = field(default_factory=asyncio.Event)
    unconfirmed: set[Task] = field(default_factory=set)
    looks_once: bool = False

    async def checkpoint(self, task: Task) -> None:
        """Add the task's job to the state. Returns once the state is written.

        Raises:
            Stopped: The run is stopping.
        """
        self.unconfirmed.add(task)
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.loop.post(Checkpoint(task, written))
        await written
        self.unconfirmed.discard(task)
        self.raise_if_stopping()

    def raise_if_not_waiting(self, seconds: float) -> None:
        """Return if the run may wait, here for `seconds` seconds.

        Raises:
            WouldWait: The run does not wait (`--submit`).
        """
        if self.looks_once:
            raise WouldWait(seconds)

    def raise_if_stopping(self) -> None:
        """Raise Stopped if the run is stopping."""
        if self.is_stopping:
            raise Stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What everything that works for one vendor's account shares.

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
    run: EngineContext

    @property
    def config(self) -> VendorConfig:
        """The vendor's block."""
        return self.client.config

    @property
    def rules(self) -> Rules:
        """What may be tried in this run, and how often.

        `--submit` allows no retry or resubmission: it can't count those of its earlier calls, so a failed job
        is reported as failed.
        """
        looks_once = self.run.looks_once
        return Rules(
            retries=self.vendor.retries if isinstance(self.client, Retries) and not looks_once else 0,
            resubmissions=0 if looks_once else self.vendor.resubmissions,
            lost_submission=self.vendor.lost_submission,
            max_retries=self.policy.max_retries,
            downloads_results=not looks_once,
        )
