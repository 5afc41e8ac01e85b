"""The vendors' calls: checks their secret, finds the jobs that they name, and has these polled.

A call is not trusted. It only makes a poll earlier, within the engine's limits; the job's status comes from
the vendor's API. So a forged, repeated, early, late or lost call does no harm.
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
"""Job ids that are kept from calls that came before the submission's answer."""


class Postbacks:
    """Listens for the vendors' calls until it is closed.

    Args:
        host, port: Where to listen.
        secret: A call's path must contain it.
        vendors: Names of the vendors that call; a call's path may contain one.
        tasks: All tasks of the run, whatever their stage.
        wake: Makes the poll of a task's job earlier; returns whether it did.

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
        """Where it listens, with the real port if 0 was configured."""
        logger.info("listening for the vendors' calls on %s", self.address)

    def close(self) -> None:
        """Stop listening, and log the counts of calls."""
        self._listener.close()
        counts = ", ".join(f"{self.counts[count]} {count}" for count in Count)
        logger.info("vendors' calls: %s", counts)

    def note_job(self, task: Task) -> None:
        """Poll a job that just became known, if its call came before."""
        if self._pop_early(task) and self._wake(task):
            self.counts[Count.WOKE] += 1

    # --- in the listener's thread ---------------------------------------------------------------------

    def is_authorized(self, target: str) -> bool:
        """Return whether the secret is in the path. Takes the same time for a wrong secret."""
        return self._path_after_secret(target) is not None

    def handle(self, call: Call) -> None:
        """Poll the jobs that a call names, or all running jobs if it names none."""
        self.counts[Count.RECEIVED] += 1
        path = self._path_after_secret(call.target) or []
        named = {part.casefold() for part in path} & set(self._vendors)
        pairs = [("", part) for part in path if part.casefold() not in named]
        pairs.extend(payload.values(call.target, call.body))
        words = {word for _, text in pairs for word in payload.words(text)}
        known_ids = {task.job_id.casefold() for task in self._tasks_at(named)}
        ids = payload.named_ids(pairs, known_ids) | (words & known_ids)
        # Kept before the tasks are read: so a job that becomes known meanwhile is not missed.
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
                continue  # its submission is not recorded yet; `note_job` follows
            self._pop_early(task)
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

    def _pop_early(self, task: Task) -> bool:
        """Remove a job's id from those of early calls. Returns whether it was one of them."""
        with self._lock:
            return self._early.pop(task.job_id.casefold(), False) is None

    def _path_after_secret(self, target: str) -> list[str] | None:
        """Return the path's parts after the secret, or None without the secret.

        A proxy may have added or removed a prefix; a secret may contain slashes.
        """
        parts = payload.path_parts(target)
        length = self._secret.count(b"/") + 1
        after_secret = None
        for first in range(len(parts) - length + 1):
            part = "/".join(parts[first : first + length])
            if hmac.compare_digest(part.encode(errors="replace"), self._secret):
                after_secret = parts[first + length :]
        return after_secret
