"""impact.com's Jobs: read, download, replay, and the call on completion."""

from __future__ import annotations

import datetime as dt
from abc import abstractmethod
from typing import Any, ClassVar

from tap_reports.sandbox.faults import Action
from tap_reports.sandbox.files import Part
from tap_reports.sandbox.http import Answer, Request, answer_json
from tap_reports.sandbox.impact_catalog import error
from tap_reports.sandbox.jobs import Job, Phase
from tap_reports.sandbox.shared import VendorApi


class ImpactJobs(VendorApi):
    """The routes under `Jobs`."""

    name = "impact"
    link_seconds = 900
    retention = dt.timedelta(days=90)
    words: ClassVar = {Phase.QUEUED: "QUEUED", Phase.RUNNING: "RUNNING", Phase.DONE: "COMPLETED"}

    @abstractmethod
    def part(self, job: Job, page: str) -> Part:
        """Return a job's file; `page` is a page of a paged result, or empty."""

    @abstractmethod
    def count(self, job: Job) -> int:
        """Return how many rows a job has."""

    def status(self, request: Request) -> Answer:
        """Answer one job."""
        job = self._kept(request)
        return answer_json(self._shown(job, self.word(job, request), request))

    def download(self, request: Request) -> Answer:
        """Answer with a redirect to the storage, or with 202 and the job."""
        job = self._kept(request)
        word = self._standing(job)
        if word != "COMPLETED":
            if job.failed:
                return error("The job has no result", 404)
            return answer_json(self._shown(job, word, request), 202)
        link = self.sign(job, self.part(job, request.value("Page")), request)
        return Answer(302, headers={"Location": link})

    def replay(self, request: Request) -> Answer:
        """Run a job again: under its own id, or under a new one for agencies."""
        job = self._kept(request)
        if self._standing(job) in {"QUEUED", "RUNNING"}:
            return error("The job is still running", 403)
        if request.params["kind"] == "agency":
            job = self._jobs.add(self.name, job.report, job.what)
        else:
            self._jobs.run_again(job)
        request.job_id = job.id
        self.announce(job)
        return answer_json(self._shown(job, "QUEUED", request))

    def announce(self, job: Job) -> None:
        """Call the operator's address once the job is done."""
        postback = self._options.postback
        if postback is not None:
            values = {postback.job_parameter: job.id, **postback.extra}
            self._shared.notifier.when_done(job, "postback", postback.method, postback.url, values)

    def _kept(self, request: Request) -> Job:
        return self.find(request, "job_id", error("Job not found", 404))

    def _standing(self, job: Job) -> str:
        """Return where a job stands apart from its polls; while a script is under way, it runs."""
        if job.words:
            return "RUNNING"
        return job.failed or self.words[self._jobs.phase(job)]

    def _shown(self, job: Job, word: str, request: Request) -> dict[str, Any]:
        """Return a job as its account type sees it: agencies get numbers as text, and nulls."""
        agency = request.params["kind"] == "agency"
        missing = None if agency else ""
        done = word == "COMPLETED"
        records = self.count(job) if done else 0
        progress = {"QUEUED": 0, "RUNNING": 50, "COMPLETED": 100}.get(word, 0)
        failed = job.completed_at.isoformat() if word in {"FAILED", "ERROR"} else missing
        return {
            "Id": job.id,
            "Type": "ClickExport" if job.report == "clicks" else "ApiReport",
            "CreatedBy": "sandbox@example.com",
            "CreatedDate": job.created_at.isoformat(),
            "StartedDate": missing if word == "QUEUED" else job.created_at.isoformat(),
            "CompletedDate": job.completed_at.isoformat() if done else missing,
            "CancelledDate": missing,
            "FailedDate": failed,
            "Status": word,
            "StatusMessage": "The report could not be generated" if failed else missing,
            "RecordsProcessed": str(records) if agency else records,
            "PercentageComplete": str(progress) if agency else progress,
            "Replayable": "true" if agency else True,
            "ResultUri": missing
            if request.hit_by(Action.NO_LINK)
            else f"{job.what['base']}/Jobs/{job.id}/Download",
        }
