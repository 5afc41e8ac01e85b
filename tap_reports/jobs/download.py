"""Downloads a finished job's files, within the limit of disk space."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from tap_reports.downloads.fetch_file import fetch
from tap_reports.exceptions import CallBroken, FileError, NotSent
from tap_reports.models import ReportFile, ReportJob

if TYPE_CHECKING:
    from tap_reports.jobs.context import Account


DOWNLOAD_THREADS = 8
"""Jobs that were submitted together often finish together; their files should not wait for a thread."""


class Downloads:
    """One vendor's downloads."""

    def __init__(self, account: Account) -> None:
        self._client = account.client
        self._policy = replace(account.policy, deadline=account.config.job_deadline_seconds)
        self._threads = account.run.loop.threads(f"{account.vendor.name}-download", DOWNLOAD_THREADS)
        self._run = account.run

    async def fetch(self, job: ReportJob) -> tuple[ReportFile, ...]:
        """Return a job's files, complete and in row order.

        Raises:
            LinkExpired: A link has expired.
            FileError: A download broke, or the disk is full.
            CallError: The vendor no longer provides the file.
        """
        changed = self._run.disk_space_changed
        while not self._run.disk.allows(job.request.key):
            changed.clear()
            await changed.wait()
        try:
            return await self._threads.run(lambda: self._fetch(job))
        except Exception:
            changed.set()
            raise

    def _fetch(self, job: ReportJob) -> tuple[ReportFile, ...]:
        key, files, began = job.request.key, list[ReportFile](), self._run.clock.monotonic()
        try:
            for file in self._fetch_one_by_one(job):
                files.append(file)
                self._run.disk.add(key, file.bytes)
        except BaseException as error:
            for file in files:
                file.path.unlink(missing_ok=True)
            self._run.disk.remove(key)
            if isinstance(error, CallBroken):
                remedy = error.remedy if isinstance(error, NotSent) else ""
                raise FileError(f"the download did not come through ({error})", remedy=remedy) from error
            raise
        seconds = self._run.clock.monotonic() - began
        self._run.ledger.downloaded(job, size=sum(file.bytes for file in files), seconds=seconds)
        return tuple(files)

    def _fetch_one_by_one(self, job: ReportJob) -> Iterator[ReportFile]:
        """Yield a job's files as they are downloaded; a file of several pages yields one for each page."""
        number, downloads = 0, self._client.downloads(job)
        if not downloads:
            raise FileError("the vendor says that the job is done and names no file of it")
        for first in downloads:
            download = first
            while True:
                path, size = fetch(
                    download,
                    api=self._client.api,
                    files=self._client.files,
                    folder=self._run.folder(),
                    policy=self._policy,
                    clock=self._run.clock,
                    stopping=self._run.should_stop_downloads,
                    name=f"{job.request.key}-{number}",
                )
                number += 1
                name = job.request.report + (f" (file {number})" if number > 1 else "")
                yield ReportFile(path=path, job_id=job.id, name=name, sheet=first.sheet, bytes=size)
                following = download.more(path) if download.more else None
                if following is None:
                    break
                download = following
