"""Runs the command against the sandbox, ends it at a chosen step, starts it again, and counts."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import signal
import sqlite3
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from command import MAX_SECONDS, POLLS, Printed, Program, Running
from kill_points import SLICES, Kill, Outcome
from pauses import Gate, install_gate, locked, waits_for_a_lock
from run_messages import bookmark_of, mark_of, plain_record
from scenarios import DAYS, SCENARIOS

from tap_reports.downloads.work_dir import LOCK
from tap_reports.sandbox import Sandbox
from tap_reports.sync.mode import Mode
from tap_reports.tap import TapReports

SLOW = 20.0
"""Seconds of a download in which a run is ended."""
SETTLE = 0.3
"""Seconds for what was set going to arrive."""


def run_all(folder: Path, kills: list[Kill], *, workers: int = 3) -> list[Outcome]:
    """Return what came of each."""
    catalogs = {vendor: catalog_of(vendor) for vendor in {one.vendor for one in kills}}

    def one(number: int, kill: Kill) -> Outcome:
        runner = ScenarioRunner(Program(folder / str(number)), kill, catalogs[kill.vendor])
        try:
            runner.run()
        except Exception as error:
            runner.outcome.faults.append(f"{type(error).__name__}: {error}")
        return runner.outcome

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(one, range(len(kills)), kills))


def catalog_of(vendor: str) -> dict[str, Any]:
    """Return the catalog of a vendor's report: with it, a run asks for nothing for discovery's sake."""
    with Sandbox(rows=1, speed=1e6, delay=0) as sandbox:
        config = SCENARIOS[vendor].config(sandbox, job_ledger="off")
        return TapReports(config=config, mode=Mode.DISCOVER).catalog_dict


class ScenarioRunner:
    """One run that is ended, and the one after it."""

    def __init__(self, program: Program, kill: Kill, catalog: dict[str, Any]) -> None:
        self.program, self.kill, self.catalog = program, kill, catalog
        self.point = kill.point
        self.scenario = SCENARIOS[kill.vendor]
        self.outcome = Outcome(kill)

    def run(self) -> None:
        """Run it whole."""
        with Sandbox(rows=12, delay=self.point.seconds, speed=1, dt_reports_per_minute=1000) as sandbox:
            self.sandbox = sandbox
            self.first_day, self.last_day = (
                day(sandbox) for day in (self.scenario.first_day, self.scenario.last_day)
            )
            first = self._first()
            later = dt.timedelta(days=self.kill.days)
            self.last_day += later
            sandbox.move_to(sandbox.today + later)
            self._again(first)

    def _start(
        self, *, state: dict[str, Any] | None = None, reads: int | None = None, days: int = 0
    ) -> Running:
        block = {**POLLS, **({"max_jobs_in_flight": 1} if self.point.one_by_one else {})}
        config = self.scenario.config(
            self.sandbox,
            block=block,
            job_ledger=str(self.program.ledger),
            start_date=self.first_day.isoformat(),
            end_date=self.last_day.isoformat(),
        )
        return self.program.start(config, catalog=self.catalog, state=state, reads=reads, days=days)

    # --- the run that is ended ---

    def _first(self) -> Printed:
        point, ending = self.point, self.kill.ending
        gate = Gate(self.kill.vendor, *point.gate[:2], answer=point.gate[2]) if point.gate else None
        if gate:
            install_gate(self.sandbox, gate)
        if point.slow:
            self.sandbox.faults.add("slow", kind="download", seconds=SLOW, times=0)
        with contextlib.ExitStack() as locks:
            if point.ledger == "start":
                locks.enter_context(locked(self.program.ledger))
            with self._start(reads=point.unread) as run:
                self._reach(run, gate)
                if gate and point.ledger == "gate":
                    locks.enter_context(locked(self.program.ledger))
                    gate.open()
                time.sleep(SETTLE if point.ledger or point.unread is not None else 0.0)
                run.send_signal(ending)
                if ending != signal.SIGKILL:
                    time.sleep(SETTLE)
                locks.close()
                if gate:
                    gate.open(drop=ending == signal.SIGKILL and not point.gate[2])
                self._judge_end(run.finish())
        time.sleep(SETTLE)  # what was on its way to the vendor has arrived
        if point.ledger == "start" and self.sandbox.submissions(self.kill.vendor).calls:
            self.outcome.faults.append("submitted after the step")
        if gate:
            gate.take_down()
        self.sandbox.faults.clear()
        return run.printed

    def _reach(self, run: Running, gate: Gate | None) -> None:
        point = self.point
        if gate:
            run.wait_until(gate.reached.is_set, point.name)
        if point.slow:
            run.wait_until(self._has_part_of_a_file, point.name)
        if point.bookmarked:
            run.wait_until(lambda: any(self._mark(state) for state in run.printed.states), "a bookmark")
        if point.unread == 0 and gate:
            run.stop_reading()
            gate.open()
            run.wait_until(lambda: len(self._in_ledger()) == SLICES, "both jobs in the ledger")
        elif point.unread:
            run.wait_until(lambda: self._rows_of(run.printed) >= point.unread, point.name)
        elif point.ledger == "start":
            run.wait_until(lambda: waits_for_a_lock(run.process.pid), point.name)

    def _has_part_of_a_file(self) -> bool:
        found = self.program.temporary.glob("*/*")
        return any(path.stat().st_size for path in found if path.name != LOCK)

    def _rows_of(self, printed: Printed) -> int:
        return len(printed.records(self.scenario.stream))

    def _judge_end(self, ended: Printed) -> None:
        faults = self.outcome.faults
        if self.kill.ending == signal.SIGKILL:
            return
        if ended.status != 128 + self.kill.ending:
            faults.append(f"status {ended.status}")
        *_, last, rest = ["", *ended.stdout.split("\n")]
        if rest or '"STATE"' not in last[:20]:
            faults.append("no final STATE")
        if self.program.left_behind():
            faults.append("temporary files are left")
        if "Traceback" in ended.stderr:
            faults.append("a traceback")

    # --- the run after it ---

    def _again(self, first: Printed) -> None:
        outcome, vendor, stream = self.outcome, self.kill.vendor, self.scenario.stream
        state = first.states[-1] if first.states and self.kill.restart in {"both", "state"} else None
        if self.kill.restart in {"state", "neither"}:
            for path in self.program.folder.glob("jobs.sqlite*"):
                path.unlink()
        needed = self._needed(state)
        before = self.sandbox.submissions(vendor).accepted
        second = self._start(state=state, days=self.kill.days).finish()
        if second.status:
            outcome.faults.append(f"the second run ended with {second.status}: {second.stderr[-1500:]}")
        if self.program.left_behind():
            outcome.faults.append("the killed run's temporary files are left")
        outcome.submissions = self.sandbox.submissions(vendor).accepted
        outcome.beyond = outcome.submissions - before - needed
        outcome.extra = outcome.submissions - SLICES - self.kill.days
        rows = [one.rows(stream) for one in (first, second)]
        expected = self._expected(self.last_day)
        outcome.lost = sum((expected - (rows[0] | rows[1])).values())
        outcome.invented = sum(((rows[0] - expected) + (rows[1] - expected)).values())
        outcome.ahead = self._ahead(first)
        outcome.ahead += self._ahead(second, first if state else None)
        if not second.states or self._mark(second.states[-1]) != self.last_day.isoformat():
            outcome.faults.append("the last bookmark is not the last day")

    def _needed(self, state: dict[str, Any] | None) -> int:
        """Return how many submissions the second run can't do without, by what it is given."""
        bookmark = mark_of(state or {}, self.scenario.stream)
        pending = {job["slice_start"] for job in bookmark.get("pending_jobs", [])}
        in_ledger = self._in_ledger()
        if self.kill.vendor == "digital_turbine":  # its link is in the ledger alone, and lives three hours
            pending = set()
            in_ledger = set() if self.kill.days else in_ledger
        days = dt.timedelta(days=DAYS // SLICES)
        starts = {(self.first_day + days * number).isoformat() for number in range(SLICES + self.kill.days)}
        mark = bookmark.get("replication_key_value") or ""
        return len({start for start in starts if start > mark} - pending - in_ledger)

    def _in_ledger(self) -> set[str]:
        """Return the first days of the slices whose jobs the ledger knows."""
        if not self.program.ledger.exists():
            return set()
        no_tables_yet = contextlib.suppress(sqlite3.OperationalError)
        with (
            contextlib.closing(sqlite3.connect(self.program.ledger, timeout=MAX_SECONDS)) as connection,
            no_tables_yet,
        ):
            rows = connection.execute("SELECT slice_start FROM tap_reports_jobs WHERE job_id != ''")
            return {row[0] for row in rows}
        return set()

    def _mark(self, state: dict[str, Any]) -> str | None:
        return bookmark_of(state, self.scenario.stream)

    def _expected(self, last: dt.date) -> Any:
        return self.scenario.rows(self.sandbox, last, first=self.first_day)

    def _ahead(self, printed: Printed, earlier: Printed | None = None) -> int:
        """Return how many STATEs name a day up to which not all rows had come."""
        seen = earlier.rows(self.scenario.stream) if earlier else Counter()
        judged: dict[str, bool] = {}
        wrong = 0
        for message in printed.messages:
            if message["type"] == "RECORD" and message["stream"] == self.scenario.stream:
                seen[json.dumps(plain_record(message["record"]), sort_keys=True)] += 1
            mark = self._mark(message["value"]) if message["type"] == "STATE" else None
            if mark and mark not in judged:
                judged[mark] = not (self._expected(dt.date.fromisoformat(mark)) - seen)
                wrong += not judged[mark]
        return wrong
