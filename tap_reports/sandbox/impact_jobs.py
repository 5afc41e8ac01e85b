"""impact.com's Jobs: read, download, replay, the call on completion, and the files."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

from tap_reports.sandbox import impact_catalog as catalog
from tap_reports.sandbox import impact_reports as data
from tap_reports.sandbox.faults import Action
from tap_reports.sandbox.files import Part, csv_part, text_part
from tap_reports.sandbox.http import Answer, Request, answer_json
from tap_reports.sandbox.impact_catalog import error
from tap_reports.sandbox.jobs import Job, Phase
from tap_reports.sandbox.options import Switch
from tap_reports.sandbox.shared import Day, VendorApi


class ImpactJobs(VendorApi):
    """The routes under `Jobs`."""

    name = "impact"
    link_seconds = 900
    retention = dt.timedelta(days=90)
    words: ClassVar = {Phase.QUEUED: "QUEUED", Phase.RUNNING: "RUNNING", Phase.DONE: "COMPLETED"}

    def status(self, request: Request) -> Answer:
        """Answer one job."""
        job = self._job(request)
        return answer_json(self._shown(job, self.word(job, request), request))

    def download(self, request: Request) -> Answer:
        """Answer with a redirect to the storage, or with 202 and the job."""
        job = self._job(request)
        word = self._current_word(job)
        if word != "COMPLETED":
            if job.failed:
                return error("The job has no result", 404)
            return answer_json(self._shown(job, word, request), 202)
        link = self.sign(job, self._part(job, request.value("Page")), request)
        return Answer(302, headers={"Location": link})

    def replay(self, request: Request) -> Answer:
        """Run a job again: under its own id, or under a new one for agencies."""
        job = self._job(request)
        if self._current_word(job) in {"QUEUED", "RUNNING"}:
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

    def _job(self, request: Request) -> Job:
        return self.find(request, "job_id", error("Job not found", 404))

    def _current_word(self, job: Job) -> str:
        """Return where a job stands apart from its polls; while a script is under way, it runs."""
        if job.words:
            return "RUNNING"
        return job.failed or self.words[self._jobs.phase(job)]

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

    # --- files ------------------------------------------------------------------------------------

    def query(self, report: str, start: Day, end: Day, what: dict[str, Any]) -> data.Query:
        """Return what is requested of a report, which may be `clicks`, for `program_ids`."""
        first = start or self._time.today()
        return data.Query(report, first, end or first, tuple(what.get("program_ids", ())))

    def rows(self, query: data.Query, revision: int) -> Iterator[dict[str, str]]:
        """Yield a query's rows; days that are yet to come have none."""
        options = self._options
        past = replace(query, end=self.past(query.end))
        return data.rows(options.seed, options.rows, past, self._shared.restated(revision))

    def _count(self, job: Job) -> int:
        """Return how many rows a job has."""
        return sum(1 for _ in self.rows(job.what["query"], job.revision))

    def _part(self, job: Job, page: str) -> Part:
        """Return a job's file; `page` is a page of a paged result, or empty."""
        query: data.Query = job.what["query"]
        revision, name = job.revision, f"{job.id}-{job.revision}"
        if job.what["format"] == "JSON":
            root = "Clicks" if query.report == "clicks" else "Records"
            if self.has(Switch.IMPACT_PAGED):
                return self._page(job, root, int(page or 1))
            return text_part(
                f"{name}.json", lambda bare: data.as_json(root, () if bare else self.rows(query, revision))
            )
        if self.has(Switch.IMPACT_ZERO_BYTE) and not self._count(job):
            return text_part(f"{name}.csv", lambda _: ())
        return csv_part(f"{name}.csv", query.header, lambda: self.rows(query, revision))

    def _page(self, job: Job, root: str, page: int) -> Part:
        def pieces(_: bool) -> list[str]:
            size = self._options.page_size
            rows = self.rows(job.what["query"], job.revision)
            chosen = list(itertools.islice(rows, (page - 1) * size, page * size))
            frame = catalog.frame(page, size, self._count(job))
            return [json.dumps({**frame, root: chosen}, ensure_ascii=False)]

        return text_part(f"{job.id}-{job.revision}-page{page}.json", pieces)
