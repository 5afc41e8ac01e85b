"""The operators: submit and wait without a worker slot; sync into a target."""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from tap_reports_airflow.command import DONE, NOT_READY, WRONG_CONFIGURATION, Call, last_lines
from tap_reports_airflow.triggers import MAX_WAIT_SECONDS, MIN_WAIT_SECONDS, TapReportsTrigger

TERMINATION_SECONDS = 15.0
"""After SIGTERM the tap ends within 8 s, with a last STATE."""


class TapReportsBase(BaseOperator):
    """What both operators take.

    Args:
        config: Path or paths for `--config`, or `"ENV"`.
        catalog: Path for `--catalog`.
        state: Path for `--state`. Leave it out where Airflow gives the days.
        first_day: The setting `start_date` of this task, such as `"{{ data_interval_start | ds }}"`.
        last_day: The setting `end_date`, inclusive.
        command: The tap's program, usually in an environment of its own: `["/opt/tap/bin/tap-reports"]`.
    """

    template_fields: Sequence[str] = ("config", "catalog", "state", "first_day", "last_day", "command")

    def __init__(
        self,
        *,
        config: str | Sequence[str],
        catalog: str | None = None,
        state: str | None = None,
        first_day: str | None = None,
        last_day: str | None = None,
        command: Sequence[str] = ("tap-reports",),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.config = config
        self.catalog = catalog
        self.state = state
        self.first_day = first_day
        self.last_day = last_day
        self.command = command
        self._tap: subprocess.Popen[bytes] | None = None

    def on_kill(self) -> None:
        """End the tap as Kubernetes would: SIGTERM, a last STATE, jobs left to be resumed."""
        if self._tap and self._tap.poll() is None:
            self._tap.terminate()
            try:
                self._tap.wait(TERMINATION_SECONDS)
            except subprocess.TimeoutExpired:
                self._tap.kill()

    def _call(self) -> Call:
        days = {"start_date": self.first_day, "end_date": self.last_day}
        return Call(
            command=list(self.command),
            config=[self.config] if isinstance(self.config, str) else list(self.config),
            catalog=self.catalog,
            state=self.state,
            settings={name: day for name, day in days.items() if day},
        )

    def _judge(self, status: int, log: str) -> None:
        """Return if the tap did what it should.

        Raises:
            AirflowFailException: The configuration is wrong; a retry can't help.
            AirflowException: A stream failed; a retry resumes the jobs that are submitted.
        """
        if status == DONE:
            return
        text = f"tap-reports ended with status {status}\n{last_lines(log)}"
        raise AirflowFailException(text) if status == WRONG_CONFIGURATION else AirflowException(text)


class TapReportsSubmitOperator(TapReportsBase):
    """Submits what may be submitted and waits until all jobs are ready: in the triggerer, or in the worker.

    Returns `--submit`'s JSON without its list of jobs; `end_date` in it is the `last_day` of the task that
    loads, so that both cut the same slices.

    Args:
        timeout: Seconds after which jobs that are not ready fail the task. They go on at the vendor, and a
            retry finds them.
        deferrable: Wait in the triggerer, without a worker slot. The triggerer needs this package, the
            command, the files and the credentials.
    """

    def __init__(self, *, timeout: float = 6 * 3600, deferrable: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.timeout = timeout
        self.deferrable = deferrable

    def execute(self, context: Any) -> dict[str, Any]:
        """Submit, and wait where something still runs."""
        deadline = time.time() + self.timeout
        while True:
            status, out, log = self._submit()
            if status != NOT_READY:
                return self._finished(status, out, log)
            wait = json.loads(out)["again_in_seconds"] or MAX_WAIT_SECONDS
            if self.deferrable:
                self.log.info("Waiting for the jobs in the triggerer; next look in %s s", wait)
                trigger = TapReportsTrigger(self._call().as_json(), wait, deadline)
                self.defer(trigger=trigger, method_name="resume")
            if time.time() >= deadline:
                raise AirflowException("the jobs were not ready in time; a retry finds them")
            time.sleep(min(max(wait, MIN_WAIT_SECONDS), MAX_WAIT_SECONDS, deadline - time.time()))

    def resume(self, context: Any, event: dict[str, Any]) -> dict[str, Any]:
        """Go on with what the triggerer saw last."""
        return self._finished(event["status"], event.get("answer", ""), event["log"])

    def _finished(self, status: int, out: str, log: str) -> dict[str, Any]:
        self._judge(status, log)
        return {name: value for name, value in json.loads(out).items() if name != "jobs"}

    def _submit(self) -> tuple[int, str, str]:
        with self._call().arguments("--submit", "--format", "json") as arguments:
            self._tap = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            out, log = (part.decode(errors="replace") for part in self._tap.communicate())
        for line in log.splitlines():
            self.log.info("%s", line)
        return self._tap.returncode, out, log


class TapReportsOperator(TapReportsBase):
    """Syncs into a target: one window (`first_day` to `last_day`), or what is new by `state`.

    Returns the run's summary (`--summary`) without jobs and state.

    Args:
        target: The target's command line.
        state_output: Where the last state is written, if a run ends well; usually the path of `state`. The
            file is replaced as a whole, and never by an empty one.
    """

    template_fields: Sequence[str] = (*TapReportsBase.template_fields, "target", "state_output")

    def __init__(self, *, target: Sequence[str], state_output: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target = target
        self.state_output = state_output

    def execute(self, context: Any) -> dict[str, Any]:
        """Run the tap into the target."""
        with tempfile.TemporaryDirectory(prefix="airflow-tap-reports-") as name:
            folder = Path(name)
            summary = folder / "summary.json"
            with self._call().arguments("--summary", str(summary)) as arguments:
                loaded, log, states = self._pipe(arguments, folder)
            self._judge(self._tap.returncode if self._tap else 1, log)
            if loaded:
                raise AirflowException(f"the target ended with status {loaded}\n{last_lines(log)}")
            self._keep_state(states)
            return _short(json.loads(summary.read_text(encoding="utf-8")))

    def _pipe(self, arguments: list[str], folder: Path) -> tuple[int, str, str]:
        """Run tap and target. Returns the target's status, both logs, and the states that it printed."""
        with (
            (folder / "log").open("w+", encoding="utf-8", errors="replace") as log,
            (folder / "states").open("w+", encoding="utf-8") as states,
            self._started(arguments, log) as tap,
        ):
            target = subprocess.run(
                list(self.target), stdin=tap.stdout, stdout=states, stderr=log, check=False
            )
            if tap.stdout:
                tap.stdout.close()
            tap.wait()
            log.seek(0)
            states.seek(0)
            text = log.read()
            for line in text.splitlines():
                self.log.info("%s", line)
            return target.returncode, text, states.read()

    @contextlib.contextmanager
    def _started(self, arguments: list[str], log: IO[str]) -> Iterator[subprocess.Popen[bytes]]:
        self._tap = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=log)
        try:
            yield self._tap
        finally:
            self.on_kill()

    def _keep_state(self, states: str) -> None:
        lines = states.split()
        if self.state_output and lines:
            path = Path(self.state_output)
            new = path.with_suffix(".new")
            new.write_text(states.splitlines()[-1], encoding="utf-8")
            new.replace(path)


def _short(summary: dict[str, Any]) -> dict[str, Any]:
    streams = [
        {name: value for name, value in stream.items() if name != "jobs"} for stream in summary["streams"]
    ]
    return {**{name: value for name, value in summary.items() if name != "state"}, "streams": streams}
