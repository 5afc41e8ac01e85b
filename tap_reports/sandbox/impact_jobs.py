"""impact.com's Jobs: list, read, download, replay, and the call on completion."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from tap_reports.sandbox.faults import Action
from tap_reports.sandbox.files import Part
from tap_reports.sandbox.http import Answer, Refusal, Request, answer_json
from tap_reports.sandbox.impact_catalog import error
from tap_reports.sandbox.jobs import Job, Phase
from tap_reports.sandbox.shared import Shared

NAME = "impact"
LINK_SECONDS = 900
RETENTION = dt.timedelta(days=90)
WORDS = {Phase.QUEUED: "QUEUED", Phase.RUNNING: "RUNNING", Phase.DONE: "COMPLETED"}


class ImpactJobs:
    """The routes under `Jobs`.

    Args:
        part: Returns the file of a job, given also the page asked for.
        count: Returns how many rows a job has.
    """

    def __init__(self, shared: Shared, part: Callable[[Job, str], Part], count: Callable[[Job], int]) -> None:
        self._shared = shared
        self._part = part
        self._count = count

    def listed(self, request: Request) -> Answer:
        """Answer the jobs made between two days."""
        after, before = request.value("CreatedAfter")[:10], request.value("CreatedBefore")[:10]
        jobs = [
            self._shown(job, self._word(job), request)
            for job in self._shared.jobs.of(NAME)
            if (after or "0") <= f"{job.created_at:%Y-%m-%d}" <= (before or "9")
        ]
        return answer_json(jobs if request.params["kind"] == "agency" else {"Jobs": jobs})

    def status(self, request: Request) -> Answer:
        """Answer one job."""
        job = self._find(request)
        word = job.show(WORDS[self._shared.jobs.phase(job)], request.fault)
        return answer_json(self._shown(job, word, request))

    def kind_of_download(self, request: Request) -> str:
        """Return `download` where the file itself is asked for, `link` where a redirect is."""
        return "download" if request.value("Mode").lower() == "stream" else "link"

    def download(self, request: Request) -> Answer:
        """Answer with a redirect to the storage, with the file itself, or with 202 and the job."""
        job = self._find(request)
        word = self._word(job)
        if word != "COMPLETED":
            if job.failed:
                return error("The job has no result", 404)
            return answer_json(self._shown(job, word, request), 202)
        part = self._part(job, request.value("Page"))
        if request.value("Mode").lower() == "stream":
            answer = self._shared.files.answer(part, request)
            answer.content_type = "application/octet-stream"
            return answer
        link = self._shared.storage.sign(NAME, job.id, part, seconds=LINK_SECONDS, request=request)
        return Answer(302, headers={"Location": link})

    def replay(self, request: Request) -> Answer:
        """Run a job again: under its own id, or under a new one for agencies."""
        job = self._find(request)
        if self._word(job) in {"QUEUED", "RUNNING"}:
            return error("The job is still running", 403)
        if request.params["kind"] == "agency":
            job = self._shared.jobs.add(NAME, job.report, job.what)
        else:
            self._shared.jobs.run_again(job)
        request.job_id = job.id
        self.announce(job)
        return answer_json(self._shown(job, "QUEUED", request))

    def announce(self, job: Job) -> None:
        """Call the operator's address once the job is done."""
        postback = self._shared.options.postback
        if postback is not None:
            values = {postback.job_parameter: job.id, **postback.extra}
            self._shared.notifier.when_done(job, "postback", postback.method, postback.url, values)

    def _find(self, request: Request) -> Job:
        """Return the job asked for; results are gone after 90 days."""
        job = self._shared.jobs.get(NAME, request.params["job_id"])
        if job is None or self._shared.time.now() - job.created_at > RETENTION:
            raise Refusal(error("Job not found", 404))
        request.job_id = job.id
        return job

    def _word(self, job: Job) -> str:
        """Return where a job stands apart from its polls; while a script is under way, it runs."""
        if job.words:
            return "RUNNING"
        return job.failed or WORDS[self._shared.jobs.phase(job)]

    def _shown(self, job: Job, word: str, request: Request) -> dict[str, Any]:
        """Return a job as its account type sees it: agencies get numbers as text, and nulls."""
        agency = request.params["kind"] == "agency"
        missing = None if agency else ""
        done = word == "COMPLETED"
        records = self._count(job) if done else 0
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
