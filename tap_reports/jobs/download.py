"""Fetching a finished job's files, within the room on disk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tap_reports.downloads.fetch_file import fetch
from tap_reports.exceptions import CallBroken, FileError
from tap_reports.models import ReportFile, ReportJob

if TYPE_CHECKING:
    from tap_reports.http.api import RetryPolicy
    from tap_reports.jobs.context import RunContext
    from tap_reports.jobs.event_loop import CallThreads
    from tap_reports.vendor import ClientContext, ReportClient


class Downloads:
    """One vendor's downloads.

    Args:
        client, tools: The vendor's client and sessions.
        policy: For broken transfers.
        threads: Where they run.
        context: What all vendors share.
    """

    def __init__(
        self,
        client: ReportClient,
        tools: ClientContext,
        *,
        policy: RetryPolicy,
        threads: CallThreads,
        context: RunContext,
    ) -> None:
        self._client = client
        self._tools = tools
        self._policy = policy
        self._threads = threads
        self._context = context

    async def fetch(self, job: ReportJob) -> tuple[ReportFile, ...]:
        """Return a job's files, complete and in row order.

        Raises:
            LinkExpired: A link is no longer good.
            FileError: A file did not come through, or there is no room for it.
            CallError: The vendor hands it out no more.
        """
        room = self._context.room
        while not self._context.disk.allows(job.request.key):
            room.clear()
            await room.wait()
        try:
            return await self._threads.run(lambda: self._files(job))
        except Exception:
            room.set()
            raise

    def _files(self, job: ReportJob) -> tuple[ReportFile, ...]:
        key, files = job.request.key, list[ReportFile]()
        try:
            for file in self._fetched(job):
                files.append(file)
                self._context.disk.add(key, file.bytes)
        except BaseException as error:
            for file in files:
                file.path.unlink(missing_ok=True)
            self._context.disk.remove(key)
            if isinstance(error, CallBroken):
                raise FileError(f"the download did not come through ({error})") from error
            raise
        return tuple(files)

    def _fetched(self, job: ReportJob) -> Iterator[ReportFile]:
        """Fetch a job's files, those of several pages one by one."""
        number = 0
        for first in self._client.downloads(job):
            download = first
            while True:
                path, size = fetch(
                    download,
                    api=self._tools.api,
                    files=self._tools.files,
                    folder=self._context.folder(),
                    policy=self._policy,
                    clock=self._tools.clock,
                    stopping=self._context.stopping,
                    name=f"{job.request.key}-{number}",
                )
                number += 1
                name = job.request.report + (f" (file {number})" if number > 1 else "")
                yield ReportFile(path=path, job_id=job.id, name=name, sheet=first.sheet, bytes=size)
                following = download.more(path) if download.more else None
                if following is None:
                    break
                download = following
