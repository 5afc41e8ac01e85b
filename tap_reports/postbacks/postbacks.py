"""The vendors' calls: whose secret is right, which jobs they name, and what is polled for them.

A call proves nothing. It only has a job polled sooner, within the engine's limits; what the job's state is,
the vendor's API says. So a forged, repeated, early, late or lost call does no harm.
"""

from __future__ import annotations

import hmac
import logging
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable

from tap_reports.jobs.task import Event, Stage, Task
from tap_reports.postbacks import payload
from tap_reports.postbacks.server import Call, Count, Listener

logger = logging.getLogger("tap-reports.postbacks")

MAX_EARLY = 1000
"""Ids kept of calls that came before the submission's own answer."""


class Postbacks:
    """Listens for the vendors' calls until it is closed.

    Args:
        host, port: Where to listen.
        secret: Must be a part of a call's path.
        vendors: Names of the vendors that call; one may be a part of the path.
        tasks: All tasks of the run, whatever their stage.
        wake: Has a task's job polled soon; returns whether it will be.

    Raises:
        ConfigError: The address cannot be listened on.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        secret: str,
        vendors: Collection[str],
        tasks: Callable[[], Iterable[Task]],
        wake: Callable[[Task], bool],
    ) -> None:
        self.counts: Counter[Count] = Counter()
        self._secret = secret.strip("/").encode()
        self._vendors = vendors
        self._tasks = tasks
        self._wake = wake
        self._lock = threading.Lock()
        self._early: dict[str, None] = {}
        self._listener = Listener(host, port, self)
        self.address = f"{f'[{host}]' if ':' in host else host}:{self._listener.port}"
        """Where it listens; the port is the one that was taken where 0 was asked for."""
        logger.info("listening for the vendors' calls on %s", self.address)

    def close(self) -> None:
        """Stop listening, and say what was heard."""
        self._listener.close()
        heard = ", ".join(f"{self.counts[count]} {count}" for count in Count)
        logger.info("vendors' calls: %s", heard)

    def note_job(self, task: Task) -> None:
        """Take note of a job that is known from now on; its call may have come before."""
        if self._was_early(task) and self._wake(task):
            self.counts[Count.WOKE] += 1

    # --- in the listener's thread ---------------------------------------------------------------------

    def is_authorized(self, target: str) -> bool:
        """Return whether the secret is in the path. Takes as long for a wrong one as for the right one."""
        return self._path_after_secret(target) is not None

    def handle(self, call: Call) -> None:
        """Wake the jobs that a call names, or all that are waited for if it names none."""
        self.counts[Count.RECEIVED] += 1
        path = self._path_after_secret(call.target) or []
        named = {part.casefold() for part in path} & set(self._vendors)
        pairs = [("", part) for part in path if part.casefold() not in named]
        pairs.extend(payload.values(call.target, call.body))
        words = {word for _, text in pairs for word in payload.words(text)}
        known_ids = {task.job_id.casefold() for task in self._tasks_at(named)}
        ids = payload.named_ids(pairs, known_ids) | (words & known_ids)
        # Kept before the tasks are looked at: a job that becomes known meanwhile is found here or there.
        self._keep_early(ids)
        tasks = self._tasks_at(named)
        if known := [task for task in tasks if task.job_id.casefold() in words]:
            self._wake_all(known)
        elif ids:
            self.counts[Count.UNKNOWN_JOB] += 1
        else:
            self._wake_all([task for task in tasks if task.stage is Stage.RUNNING])

    def _tasks_at(self, vendors: Collection[str]) -> list[Task]:
        """Return the tasks that have a job at one of the vendors; at any if none is given."""
        return [
            task
            for task in self._tasks()
            if task.job_id and task.request.vendor in (vendors or self._vendors)
        ]

    def _wake_all(self, tasks: list[Task]) -> None:
        for task in tasks:
            if task.stage is Stage.SUBMITTING:
                continue  # its submission is just being noted; `note_job` follows
            self._was_early(task)
            if task.stage is not Stage.RUNNING:
                self.counts[Count.LATE] += 1
            elif self._wake(task):
                self.counts[Count.WOKE] += 1
                task.log(Event.CALLED_BACK)

    def _keep_early(self, ids: Iterable[str]) -> None:
        with self._lock:
            self._early.update(dict.fromkeys(ids))
            while len(self._early) > MAX_EARLY:
                self._early.pop(next(iter(self._early)))

    def _was_early(self, task: Task) -> bool:
        """Drop a job's id from those that came early. Returns whether it was among them."""
        with self._lock:
            return self._early.pop(task.job_id.casefold(), False) is None

    def _path_after_secret(self, target: str) -> list[str] | None:
        """Return the path's parts behind the secret, or None if it is not there.

        A proxy may have put a prefix before it or taken one away; a secret may itself hold slashes.
        """
        parts = payload.path_parts(target)
        length = self._secret.count(b"/") + 1
        found = None
        for first in range(len(parts) - length + 1):
            part = "/".join(parts[first : first + length])
            if hmac.compare_digest(part.encode(errors="replace"), self._secret):
                found = parts[first + length :]
        return found
