"""What all lanes of a run share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tap_reports.clock import Clock
    from tap_reports.downloads.fetch_file import DiskBudget
    from tap_reports.jobs.scheduler import Agenda
    from tap_reports.jobs.task import Task
    from tap_reports.ledger.ledger import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What all lanes of a run share.

    Attributes:
        post: Tells the main thread of a task's news: ("submitted" | "over", task).
        ending: True once nothing more may be submitted.
        stopping: True once the run is to end.
    """

    clock: Clock
    ledger: Ledger
    run_id: str
    folder: Callable[[], Path]
    disk: DiskBudget
    downloads: Agenda
    post: Callable[[str, Task], None]
    ending: Callable[[], bool]
    stopping: Callable[[], bool]
