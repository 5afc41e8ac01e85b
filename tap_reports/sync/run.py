"""One run's resources: vendor clients, ledger, work folder, job engine, postback listener.

Each is made when it is first needed: `--discover` opens a ledger only if a report's columns are known only
from a file.
"""

from __future__ import annotations

import atexit
import contextlib
import threading
import uuid
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tap_reports.client import ReportClient
from tap_reports.clock import Clock, StoppableClock, SystemClock
from tap_reports.downloads.work_dir import DiskBudget, WorkFolder
from tap_reports.exceptions import Stopped
from tap_reports.http.api import ApiSession
from tap_reports.http.links import DownloadSession
from tap_reports.http.origin import is_loopback
from tap_reports.http.record import current_recorder
from tap_reports.settings.read import Settings
from tap_reports.vendor import ClientContext, Vendor, VendorConfig
from tap_reports.vendors import all_vendors

if TYPE_CHECKING:
    from tap_reports.jobs.engine import Engine, WriteState
    from tap_reports.jobs.event_loop import EngineLoop
    from tap_reports.jobs.task import Task
    from tap_reports.ledger.ledger import Ledger
    from tap_reports.models import RunOutcome
    from tap_reports.postbacks.postbacks import Postbacks


class Run:
    """The resources of one run.

    Args:
        settings: The configuration.
        on_submitted: Called in the main thread for each submitted job, to add it to the state.
        write_state: Called then, before the job is polled; see `Engine`.
        clock: The time.
        loop: The engine's event loop; tests pass one that runs on their `clock`.
        looks_once: For `--submit`: wait for nothing.
    """

    def __init__(
        self,
        settings: Settings,
        on_submitted: Callable[[Task], None],
        *,
        write_state: WriteState = lambda _now: 0.0,
        clock: Clock | None = None,
        loop: EngineLoop | None = None,
        looks_once: bool = False,
    ) -> None:
        self.settings = settings
        self._looks_once = looks_once
        self.id = uuid.uuid4().hex
        self.started_at = (clock or SystemClock()).now()
        self._on_submitted = on_submitted
        self._write_state = write_state
        self._stoppable = StoppableClock(SystemClock())
        self.clock: Clock = clock or self._stoppable
        """The time; sleeping ends when the run is stopped."""
        self._loop = loop
        self._work_folder: WorkFolder | None = None
        self._folder_lock = threading.Lock()
        self._is_closed = False
        self._postbacks: Postbacks | None = None

    @cached_property
    def vendors(self) -> list[tuple[Vendor, ReportClient]]:
        """Each configured vendor with its client. No call is sent."""
        vendors = []
        for config in self.settings.vendors:
            vendor = all_vendors()[config.name]
            client = vendor.connect(config, self._client_context(config))
            if recorder := current_recorder():
                recorder.shareable.add_account(client.account)
            vendors.append((vendor, client))
        return vendors

    @cached_property
    def ledger(self) -> Ledger:
        """The job ledger."""
        from tap_reports.ledger.ledger import Ledger

        return Ledger.open(self.settings.job_ledger, clock=self.clock)

    @cached_property
    def engine(self) -> Engine:
        """The job engine, with a worker for each vendor."""
        from tap_reports.jobs.context import Account, EngineContext
        from tap_reports.jobs.engine import Engine
        from tap_reports.jobs.event_loop import CALL_THREADS, EngineLoop
        from tap_reports.jobs.worker import VendorWorker
        from tap_reports.sync.outcome import log_job

        loop = self._loop or EngineLoop()
        context = EngineContext(
            loop=loop,
            clock=self.clock,
            ledger=self.ledger,
            ledger_thread=loop.threads("ledger", 1),
            run_id=self.id,
            folder=self.folder,
            disk=DiskBudget(self.settings.download_disk_bytes),
            should_stop_downloads=lambda: self._stoppable.is_stopped,
            looks_once=self._looks_once,
        )
        engine = Engine(
            context,
            stop=self._stoppable.stop,
            on_submitted=self._submitted,
            write_state=self._write_state,
            on_over=log_job,
        )
        postbacks = self.settings.postbacks
        for vendor, client in self.vendors:
            account = Account(
                vendor=vendor,
                client=client,
                policy=self.settings.retry_policy,
                calls=loop.threads(vendor.name, CALL_THREADS),
                run=context,
            )
            interval = postbacks.fallback_poll_seconds if postbacks and vendor.calls_back else None
            engine.workers[vendor.name] = VendorWorker(account, poll_interval=interval)
        atexit.register(self.close)  # removes the temporary files however the program ends
        return engine

    def listen(self) -> str | None:
        """Listen for the vendors' calls from now on, if `postbacks` is set. Returns the address.

        Raises:
            ConfigError: The address is not available.
        """
        wanted = self.settings.postbacks
        if wanted is None:
            return None
        if self._postbacks is None:
            from tap_reports.postbacks.postbacks import Postbacks

            callers = [vendor.name for vendor, _ in self.vendors if vendor.calls_back]
            self._postbacks = Postbacks(
                wanted.host,
                wanted.port,
                secret=wanted.secret,
                vendors=callers,
                tasks=lambda: list(self.engine.tasks.values()) if self.is_started else (),
                wake=lambda task: self.is_started and self.engine.wake(task),
            )
            atexit.register(self.close)
        return self._postbacks.address

    def _submitted(self, task: Task) -> None:
        self._on_submitted(task)
        if self._postbacks is not None:
            self._postbacks.note_job(task)

    def folder(self) -> Path:
        """Return the folder for downloaded files, which `close` removes.

        Raises:
            Stopped: The run has ended; a folder made now would stay.
        """
        with self._folder_lock:
            if self._is_closed:
                raise Stopped("the run has ended")
            if self._work_folder is None:
                self._work_folder = WorkFolder()
            return self._work_folder.path

    @property
    def is_started(self) -> bool:
        """True once the engine exists."""
        return "engine" in self.__dict__

    def note_start(self, started: RunOutcome) -> None:
        """Store in the ledger that the run has started; a killed run does not store its end."""
        self.ledger.store_run(replace(started, seconds=None, exit_status=None))

    def note_end(self, ended: RunOutcome) -> None:
        """Store in the ledger how the run ended, if the ledger is open."""
        if "ledger" in self.__dict__:
            self.ledger.store_run(ended)

    def stop_waiting_for_ledger(self) -> None:
        """Give up on a ledger that does not answer: the run is stopping. Safe in a signal handler."""
        if "ledger" in self.__dict__:
            self.ledger.end_soon()

    def close(self) -> None:
        """End all work and remove all temporary files. Vendor jobs stay, to be resumed."""
        atexit.unregister(self.close)
        clients = [client for _, client in self.__dict__.get("vendors", ())]
        with contextlib.ExitStack() as steps:  # in reverse order; each runs even if one fails
            steps.callback(self._remove_folder)
            for client in clients:
                steps.callback(client.api.close)
                steps.callback(client.files.close)
            if "ledger" in self.__dict__:
                steps.callback(self.ledger.close)
            if self.is_started:
                steps.callback(self.engine.close)
            if self._postbacks is not None:
                steps.callback(self._postbacks.close)
                self._postbacks = None
            for client in clients:  # only free calls; a submission has a moment to be answered
                steps.callback(client.api.end_calls)
                steps.callback(client.files.end_calls)

    def _remove_folder(self) -> None:
        with self._folder_lock:
            self._is_closed = True
            if self._work_folder is not None:
                self._work_folder.close()

    def _client_context(self, config: VendorConfig) -> ClientContext:
        return ClientContext(
            api=ApiSession(
                config.api_url,
                policy=self.settings.retry_policy,
                timeout=self.settings.request_timeout_seconds,
                user_agent=self.settings.user_agent,
                clock=self.clock,
            ),
            files=DownloadSession(
                timeout=self.settings.request_timeout_seconds,
                user_agent=self.settings.user_agent,
                loopback=is_loopback(config.api_url),
                largest=self.settings.max_file_bytes,
            ),
            clock=self.clock,
        )
