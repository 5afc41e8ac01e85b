"""Runs the command against the sandbox, ends it at a chosen step, starts it again, and counts."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

from fork_server import ForkServer
from kill_points import SLICES, Outcome, Point
from pauses import PATIENCE, Gate, held, put_up
from process import Process
from scenarios import SCENARIOS, Scenario, counted, plain_record, records_of

from tap_reports.downloads.work_dir import LOCK
from tap_reports.sandbox import Sandbox

SLOW = 20.0
"""Seconds of a download in which a run is ended."""
SETTLE = 0.3
"""Seconds for what was set going to arrive."""


class ScenarioRunner:
    """One scenario: a vendor, a step, an ending, a restart."""

    def __init__(
        self,
        fork_server: ForkServer,
        folder: Path,
        scenarios: tuple[str, Point, int, str],
        catalog: dict[str, Any],
    ) -> None:
        vendor, self.point, self.signum, self.restart = scenarios
        self.fork_server, self.folder, self.catalog = fork_server, folder, catalog
        self.scenario: Scenario = SCENARIOS[vendor]
        self.ledger = folder / "jobs.sqlite"
        self.outcome = Outcome(vendor, self.point.name, signal.Signals(self.signum).name, self.restart)

    def run(self) -> Outcome:
        """Run it whole."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with Sandbox(rows=12, delay=self.point.seconds, speed=1, dt_reports_per_minute=1000) as sandbox:
            self.sandbox = sandbox
            self.config = self._config()
            self.expected = counted(self.scenario.expected(sandbox))
            self._again(self._first())
        return self.outcome

    def _config(self) -> dict[str, Any]:
        block = {"poll_interval_seconds": 0.05, "poll_max_interval_seconds": 0.05}
        if self.point.one_by_one:
            block["max_jobs_in_flight"] = 1
        return self.scenario.config(self.sandbox, block=block, job_ledger=str(self.ledger))

    def _start(
        self, config: dict[str, Any], *, state: dict[str, Any] | None = None, reads: int | None = None
    ) -> Process:
        arguments = []
        for name, content in (("config", config), ("catalog", self.catalog), ("state", state)):
            if content is not None:
                path = self.folder / f"{name}.json"
                path.write_text(json.dumps(content))
                arguments += [f"--{name}", str(path)]
        return Process(self.fork_server, self.folder, arguments, reads=reads)

    # --- the run that is ended ---

    def _first(self) -> Process:
        point = self.point
        gate = Gate(self.scenario.vendor, *point.gate[:2], answer=point.gate[2]) if point.gate else None
        if gate:
            put_up(self.sandbox, gate)
        if point.slow:
            self.sandbox.faults.add("slow", kind="download", seconds=SLOW, times=0)
        with contextlib.ExitStack() as locks:
            if point.ledger == "start":
                locks.enter_context(held(self.ledger))
            with self._start(self.config, reads=point.unread) as process:
                self._reach(process, gate)
                if gate and point.ledger == "gate":
                    locks.enter_context(held(self.ledger))
                    gate.open()
                time.sleep(SETTLE if point.ledger or point.unread is not None else 0.0)
                process.child.send_signal(self.signum)
                if self.signum != signal.SIGKILL:
                    time.sleep(SETTLE)
                locks.close()
                if gate:
                    gate.open(drop=self.signum == signal.SIGKILL and not point.gate[2])
                process.read_on()
                self._judge_end(process, process.wait())
        time.sleep(SETTLE)  # what was on its way to the vendor has arrived
        if gate:
            gate.take_down()
        self.sandbox.faults.clear()
        return process

    def _reach(self, process: Process, gate: Gate | None) -> None:
        point = self.point
        if gate:
            process.until(gate.reached.is_set, point.name)
        if point.slow:
            process.until(self._has_part_of_a_file, point.name)
        if point.bookmarked:
            process.until(lambda: any(self._mark(state) for state in process.states), "a bookmark")
        if point.unread == 0 and gate:
            process.stop_reading()
            gate.open()
            process.until(lambda: len(self._in_ledger()) == SLICES, "both jobs in the ledger")
        elif point.unread:
            process.until(lambda: self._rows_of(process) >= point.unread, point.name)
        elif point.ledger == "start":
            process.until(lambda: "Beginning sync" in process.stderr, point.name)

    def _has_part_of_a_file(self) -> bool:
        found = self.folder.glob("tap-reports-*/*")
        return any(path.stat().st_size for path in found if path.name != LOCK)

    def _rows_of(self, process: Process) -> int:
        return len(records_of(process.messages, self.scenario.stream))

    def _judge_end(self, process: Process, status: int) -> None:
        faults = self.outcome.faults
        if self.signum == signal.SIGKILL:
            return
        if status != 128 + self.signum:
            faults.append(f"status {status}")
        if process.rest.strip() or not process.lines or '"STATE"' not in process.lines[-1][:20]:
            faults.append("no final STATE")
        if list(self.folder.glob("tap-reports-*")):
            faults.append("temporary files are left")
        if "Traceback" in process.stderr:
            faults.append("a traceback")

    # --- the run after it ---

    def _again(self, first: Process) -> None:
        outcome, vendor = self.outcome, self.scenario.vendor
        state = first.states[-1] if first.states and self.restart in {"both", "state"} else None
        if self.restart in {"state", "neither"}:
            for path in self.folder.glob("jobs.sqlite*"):
                path.unlink()
        needed = self._needed(state)
        before = self.sandbox.submissions(vendor).accepted
        with self._start(self.config, state=state) as second:
            status = second.wait()
        if status:
            outcome.faults.append(f"the second run ended with {status}: {second.stderr[-1500:]}")
        if list(self.folder.glob("tap-reports-*")):
            outcome.faults.append("the killed run's temporary files are left")
        outcome.submissions = self.sandbox.submissions(vendor).accepted
        outcome.beyond = outcome.submissions - before - needed
        outcome.extra = outcome.submissions - SLICES
        rows = [counted(records_of(one.messages, self.scenario.stream)) for one in (first, second)]
        outcome.lost = sum((self.expected - (rows[0] | rows[1])).values())
        outcome.invented = sum(((rows[0] - self.expected) + (rows[1] - self.expected)).values())
        outcome.ahead = self._ahead(first.messages, [])
        outcome.ahead += self._ahead(second.messages, first.messages if state else [])
        last = self.scenario.last_day(self.sandbox).isoformat()
        if not second.states or self._mark(second.states[-1]) != last:
            outcome.faults.append("the last bookmark is not the last day")

    def _needed(self, state: dict[str, Any] | None) -> int:
        """Return how many submissions the second run can't do without, by what it is given."""
        first, days = self.scenario.first_day(self.sandbox), 12
        mark = self._mark(state) if state else None
        pending = {
            job["slice_start"]
            for job in (state or {})
            .get("bookmarks", {})
            .get(self.scenario.stream, {})
            .get("pending_jobs", [])
        }
        if self.scenario.vendor == "digital_turbine":
            pending = set()  # its link is its only handle, and stands in the ledger alone
        starts = [(first + dt.timedelta(days=days * number)).isoformat() for number in range(SLICES)]
        known = pending | self._in_ledger()
        return len([start for start in starts if (mark is None or start > mark) and start not in known])

    def _in_ledger(self) -> set[str]:
        """Return the first days of the slices whose jobs the ledger knows."""
        if not self.ledger.exists():
            return set()
        no_tables_yet = contextlib.suppress(sqlite3.OperationalError)
        with contextlib.closing(sqlite3.connect(self.ledger, timeout=PATIENCE)) as connection, no_tables_yet:
            rows = connection.execute("SELECT slice_start FROM tap_reports_jobs WHERE job_id != ''")
            return {row[0] for row in rows}
        return set()

    def _mark(self, state: dict[str, Any]) -> str | None:
        mark: str | None = (
            state.get("bookmarks", {}).get(self.scenario.stream, {}).get("replication_key_value")
        )
        return mark

    def _ahead(self, messages: list[dict[str, Any]], earlier: list[dict[str, Any]]) -> int:
        """Return how many STATEs name a day up to which not all rows had come."""
        seen = counted(records_of(earlier, self.scenario.stream))
        judged: dict[str, bool] = {}
        wrong = 0
        for message in messages:
            if message["type"] == "RECORD" and message["stream"] == self.scenario.stream:
                seen[json.dumps(plain_record(message["record"]), sort_keys=True)] += 1
            mark = self._mark(message["value"]) if message["type"] == "STATE" else None
            if mark and mark not in judged:
                due = counted(self.scenario.expected(self.sandbox, dt.date.fromisoformat(mark)))
                judged[mark] = not (due - seen)
                wrong += not judged[mark]
        return wrong
