"""The trigger that waits for submitted jobs. The triggerer imports it: install this package there, too."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from tap_reports_airflow.command import NOT_READY, Call, last_lines

MIN_WAIT_SECONDS, MAX_WAIT_SECONDS = 1.0, 300.0


class TapReportsTrigger(BaseTrigger):
    """Calls `tap-reports --submit` until it no longer ends with 75; between two calls nothing runs.

    The calls are idempotent (the job ledger remembers), so a triggerer may die and start again at any time.
    The credentials come from the triggerer's own environment or files, never from the trigger's arguments.

    Args:
        call: `Call.as_json()`.
        again_in: Seconds until the first call.
        deadline: Unix time after which waiting ends.
    """

    def __init__(self, call: dict[str, Any], again_in: float, deadline: float) -> None:
        super().__init__()
        self.call, self.again_in, self.deadline = call, again_in, deadline

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what Airflow stores, to start the trigger again elsewhere."""
        arguments = {"call": self.call, "again_in": self.again_in, "deadline": self.deadline}
        return "tap_reports_airflow.triggers.TapReportsTrigger", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: the last call's status, answer and log."""
        wait = self.again_in
        while True:
            left = self.deadline - time.time()
            if left <= 0:
                yield TriggerEvent({"status": NOT_READY, "log": "the jobs were not ready in time"})
                return
            await asyncio.sleep(min(max(wait, MIN_WAIT_SECONDS), MAX_WAIT_SECONDS, left))
            status, out, log = await self._submit()
            if status != NOT_READY:
                yield TriggerEvent({"status": status, "answer": out, "log": last_lines(log)})
                return
            wait = json.loads(out)["again_in_seconds"] or MAX_WAIT_SECONDS

    async def _submit(self) -> tuple[int, str, str]:
        with Call(**self.call).arguments("--submit", "--format", "json") as arguments:
            process = await asyncio.create_subprocess_exec(
                *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
            )
            try:
                out, log = await process.communicate()
            except asyncio.CancelledError:
                process.terminate()
                await process.wait()
                raise
        return process.returncode or 0, out.decode(), log.decode(errors="replace")
