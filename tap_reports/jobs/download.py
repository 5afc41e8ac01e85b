"""Fetching a finished job's files, within the room on disk."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from tap_reports.downloads.fetch_file import fetch
from tap_reports.exceptions import CallBroken, FileError, LinkExpired
from tap_reports.jobs.task import Stage, Task
from tap_reports.models import ReportFile, ReportJob

if TYPE_CHECKING:
    from tap_reports.http.api import ApiSession
    from tap_reports.http.links import DownloadSession
    from tap_reports.jobs.worker import Lane

DISK_SECONDS = 0.2
"""Wait before asking again for room on disk."""


class Fetches:
    """One lane's downloads.

    Args:
        lane: Whose.
        api, files: Its sessions.
    """

    def __init__(self, lane: Lane, api: ApiSession, files: DownloadSession) -> None:
        self._lane = lane
        self._api = api
        self._files = files

    def begin(self, task: Task, job: ReportJob) -> None:
        """Download as soon as a thread is free and the disk has room."""
        task.stage = Stage.DOWNLOADING
        self._soon(task, job)

    def _soon(self, task: Task, job: ReportJob, delay: float = 0.0) -> None:
        lane = self._lane
        lane.shop.downloads.add(lambda: lane.guarded(task, lambda task: self._download(task, job)), delay)

    def _download(self, task: Task, job: ReportJob) -> None:
        disk = self._lane.shop.disk
        if not disk.allows(task.request.key):
            # Asked again rather than waited for: the file that is needed next may queue behind.
            self._soon(task, job, DISK_SECONDS)
            return
        files: list[ReportFile] = []
        try:
            for file in self._fetched(task, job):
                files.append(file)
                disk.add(task.request.key, file.bytes)
        except LinkExpired as error:
            self._discard(task, files)
            self._renew(task, job, error)
            return
        except BaseException as error:
            self._discard(task, files)
            if isinstance(error, CallBroken):
                raise FileError(f"the download did not come through ({error})") from error
            raise
        task.files = tuple(files)
        size = sum(file.bytes for file in files)
        self._lane.shop.ledger.downloaded(job, size=size, seconds=task.seconds(Stage.DOWNLOADING))
        self._lane.ready(task)

    def _discard(self, task: Task, files: list[ReportFile]) -> None:
        for file in files:
            file.path.unlink(missing_ok=True)
        self._lane.shop.disk.remove(task.request.key)

    def _fetched(self, task: Task, job: ReportJob) -> Iterator[ReportFile]:
        """Fetch a job's files, those of several pages one by one."""
        number = 0
        for first in self._lane.client.downloads(job):
            download = first
            while True:
                path, size = fetch(
                    download,
                    api=self._api,
                    files=self._files,
                    folder=self._lane.shop.folder(),
                    policy=self._lane.policy,
                    clock=self._lane.shop.clock,
                    stopping=self._lane.shop.stopping,
                    name=f"{task.request.key}-{number}",
                )
                number += 1
                yield ReportFile(path=path, job_id=job.id, sheet=first.sheet, bytes=size)
                following = download.more(path) if download.more else None
                if following is None:
                    break
                download = following

    def _renew(self, task: Task, job: ReportJob, error: LinkExpired) -> None:
        """Poll again for a new link; if that one is no better, the result is gone."""
        task.links_renewed += 1
        task.log(f"link expired ({error})", level=logging.WARNING)
        if task.links_renewed == 1:
            task.stage = Stage.RUNNING
            self._lane.polls.again_in(task, 0.0)
        elif self._lane.vendor.resubmissions:
            self._lane.reruns.resubmit(task, replace(job, message=str(error)), FileError)
        else:
            raise FileError(
                f"the download link had expired, and so had the new one ({error})",
                remedy="Run again: the finished job is asked for another link, without a new submission.",
            )
