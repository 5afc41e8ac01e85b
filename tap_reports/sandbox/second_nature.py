"""Second Nature's Reporting API: list, request, status."""

from __future__ import annotations

import datetime as dt
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from typing import IO, Any

from tap_reports.sandbox import second_nature_data as data
from tap_reports.sandbox import xlsx
from tap_reports.sandbox.faults import Action
from tap_reports.sandbox.files import Part, csv_part, text_part
from tap_reports.sandbox.http import Answer, Refusal, Request, Route, answer_json
from tap_reports.sandbox.jobs import DONE, Job, Phase
from tap_reports.sandbox.limits import RollingLimit
from tap_reports.sandbox.options import Switch
from tap_reports.sandbox.shared import Shared

NAME = "second_nature"
LINK_SECONDS = 900
WORDS = {Phase.QUEUED: "pending", Phase.RUNNING: "in_progress", Phase.DONE: "complete"}
FORMATS = ("xlsx", "csv", "json")
OTHER_FIELDS = {"start_time": "from", "end_time": "to"}


class SecondNature:
    """Routes and state."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._cache: dict[str, Job] = {}
        limit = shared.options.sn_requests_per_minute
        self.minute = RollingLimit(shared.options.limit(limit) if limit else 1 << 30, 60.0)

    def routes(self) -> list[Route]:
        """Return its routes."""
        table = [
            ("GET", "/api/reports/", "list", self._list),
            ("POST", "/api/reports/export/", "submit", self._submit),
            ("GET", "/api/reports/export/", "submit", self._submit),
            ("GET", "/api/reports/export/{ticket_id}/", "poll", self._status),
        ]
        return [Route(method, path, NAME, kind, self._guard(call)) for method, path, kind, call in table]

    def expected(
        self, report: str, start: dt.date | None, end: dt.date | None, **what: Any
    ) -> list[dict[str, Any]]:
        """Return the typed rows of a `sheet` (default the first) for `course_id`, `revision`."""
        sheets = data.REPORTS[report]
        chosen = [sheet for sheet in sheets if sheet.name == what.get("sheet", sheets[0].name)]
        query = {"start": start, "end": end, "course": what.get("course_id", "")}
        return list(self._rows(report, chosen[0], query, what.get("revision", 0)))

    def clear(self) -> None:
        """Forget cached results and calls."""
        self._cache.clear()
        self.minute.clear()

    def _guard(self, call: Callable[[Request], Answer]) -> Callable[[Request], Answer]:
        def guarded(request: Request) -> Answer:
            accounts, now = self._shared.accounts, self._shared.time.monotonic()
            header = request.headers.get("Authorization") or ""
            if header == f"Token {accounts.second_nature_no_admin}":
                return answer_json({"detail": "You do not have permission to perform this action."}, 403)
            if header != f"Token {accounts.second_nature_key}":
                return answer_json({"detail": "Invalid token."}, 401)
            with self._shared.jobs.lock:
                if not self.minute.take(now):
                    wait = {"Retry-After": str(max(1, round(self.minute.reset_in(now))))}
                    return answer_json({"detail": "Request was throttled."}, 429, wait)
            return call(request)

        return guarded

    def _list(self, _: Request) -> Answer:
        if self._shared.options.has(Switch.SN_LIST_OBJECTS):
            return answer_json([{"report_name": name} for name in data.REPORTS])
        return answer_json({"reports": list(data.REPORTS)})

    def _submit(self, request: Request) -> Answer:
        shared = self._shared
        is_other = shared.options.has(Switch.SN_OTHER_FIELDS)
        if (request.method == "GET") != is_other:
            return answer_json({"detail": f'Method "{request.method}" not allowed.'}, 405)
        body = _renamed(request) if is_other else request.json()
        what = _read(body)
        key = json.dumps(what, sort_keys=True, default=str)
        with shared.jobs.lock:
            cached = self._cache.get(key)
            good = cached is not None and not cached.failed and shared.jobs.phase(cached) is Phase.DONE
            if good and not body.get("force_update"):
                job = shared.jobs.add(NAME, what["report"], what, seconds=0.0)
                job.revision = cached.revision if cached else 0
            else:
                job = shared.jobs.add(NAME, what["report"], what)
                self._cache[key] = job
            shared.jobs.accepted[NAME] += 1
        request.job_id = job.id
        return answer_json({"ticket_id": job.id})

    def _status(self, request: Request) -> Answer:
        job = self._shared.jobs.get(NAME, request.params["ticket_id"])
        if job is None:
            return answer_json({"detail": "Not found."}, 404)
        request.job_id = job.id
        word = job.show(WORDS[self._shared.jobs.phase(job)], request.fault)
        answer: dict[str, Any] = {"status": word, "report_url": None, "error": None}
        if word == "failed":
            answer["error"] = "The report could not be generated"
        hidden = request.fault is not None and request.fault.action is Action.NO_LINK
        if word in DONE and not hidden:
            if "url" not in job.what:
                job.what["url"] = self._links(job, request)
            answer["report_url"] = job.what["url"]
        return answer_json(answer)

    def _links(self, job: Job, request: Request) -> Any:
        """Return the link or, for CSV with several sheets, a list of them. A ticket keeps its links."""
        sheets = data.REPORTS[job.report]
        several = job.what["format"] == "csv" and len(sheets) > 1
        if several and not self._shared.options.has(Switch.SN_ZIP):
            return [
                {"sheet_name": sheet.name, "url": self._sign(job, self._csv(job, sheet, at), request)}
                for at, sheet in enumerate(sheets)
            ]
        if several:
            return self._sign(job, self._zip(job), request)
        if job.what["format"] == "csv":
            return self._sign(job, self._csv(job, sheets[0], 0), request)
        return self._sign(job, self._json(job) if job.what["format"] == "json" else self._xlsx(job), request)

    def _sign(self, job: Job, part: Part, request: Request) -> str:
        return self._shared.storage.sign(NAME, job.id, part, seconds=LINK_SECONDS, request=request)

    def _csv(self, job: Job, sheet: data.SheetType, at: int) -> Part:
        header = list(sheet.columns)
        return csv_part(f"{job.id}-{at}.csv", header, lambda: map(_texts, self._of(job, sheet)))

    def _zip(self, job: Job) -> Part:
        def write(out: IO[bytes], header_only: bool) -> None:
            with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
                for at, sheet in enumerate(data.REPORTS[job.report]):
                    content = io.BytesIO()
                    self._csv(job, sheet, at).write(content, header_only)
                    package.writestr(zipfile.ZipInfo(f"{sheet.name}.csv"), content.getvalue())

        return Part(f"{job.id}.zip", write)

    def _json(self, job: Job) -> Part:
        def pieces(header_only: bool) -> Iterator[str]:
            yield '{"reports": ['
            for at, sheet in enumerate(data.REPORTS[job.report]):
                frame = json.dumps({"report_name": job.report, "sheet_name": sheet.name}, ensure_ascii=False)
                yield (", " if at else "") + frame[:-1] + ', "data": ['
                for number, row in enumerate(() if header_only else self._of(job, sheet)):
                    line = json.dumps({name: _plain(cell) for name, cell in row.items()}, ensure_ascii=False)
                    yield (", " if number else "") + line
                yield "]}"
            yield "]}"

        return text_part(f"{job.id}.json", pieces)

    def _xlsx(self, job: Job) -> Part:
        def write(out: IO[bytes], header_only: bool) -> None:
            xlsx.write(
                out,
                [
                    xlsx.Sheet(sheet.name, self._lines(job, sheet, header_only))
                    for sheet in data.REPORTS[job.report]
                ],
            )

        return Part(f"{job.id}.xlsx", write)

    def _lines(self, job: Job, sheet: data.SheetType, header_only: bool) -> Iterator[list[xlsx.Cell]]:
        if sheet.title:
            yield [sheet.title]
        yield list(sheet.columns)
        for row in () if header_only else self._of(job, sheet):
            yield list(row.values())

    def _of(self, job: Job, sheet: data.SheetType) -> Iterator[dict[str, xlsx.Cell]]:
        return self._rows(job.report, sheet, job.what, job.revision)

    def _rows(
        self, report: str, sheet: data.SheetType, what: dict[str, Any], revision: int
    ) -> Iterator[dict[str, xlsx.Cell]]:
        """Yield a sheet's rows; days that are yet to come have none."""
        options = self._shared.options
        if what["end"] is not None:
            what = {**what, "end": min(what["end"], self._shared.time.today())}
        return data.rows(options.seed, options.rows, (report, sheet), what, self._shared.restated(revision))


def _renamed(request: Request) -> dict[str, Any]:
    """Return the fields of a request under other names, as the usual ones."""
    texts = {name: values[0] for name, values in request.query.items()}
    fields: dict[str, Any] = {"report_name": texts.get("report", ""), "format": texts.get("format", "xlsx")}
    fields |= {ours: int(texts[name]) for ours, name in OTHER_FIELDS.items() if name in texts}
    return fields


def _read(body: dict[str, Any]) -> dict[str, Any]:
    """Return a request's parts."""
    report, course = body.get("report_name"), body.get("course_id") or ""
    if report not in data.REPORTS:
        raise Refusal(answer_json({"detail": f"Report {report} does not exist."}, 404))
    if course and course not in data.COURSES:
        raise Refusal(answer_json({"detail": "Course does not exist."}, 404))
    form = body.get("format") or "xlsx"
    if form not in FORMATS:
        raise Refusal(answer_json({"format": [f"must be one of {', '.join(FORMATS)}"]}, 400))
    start, end = _day(body.get("start_time")), _day(body.get("end_time"))
    return {"report": report, "format": form, "course": course, "start": start, "end": end}


def _day(seconds: Any) -> dt.date | None:
    """Return the UTC day of a UNIX time stamp."""
    if seconds is None:
        return None
    if not isinstance(seconds, (int, float)):
        raise Refusal(answer_json({"detail": "start_time and end_time are UNIX timestamps."}, 400))
    return dt.datetime.fromtimestamp(seconds, dt.UTC).date()


def _plain(cell: xlsx.Cell) -> Any:
    """Return a cell as JSON has it."""
    if isinstance(cell, dt.timedelta):
        return str(cell)
    return cell.isoformat() if isinstance(cell, dt.date) else cell


def _texts(row: dict[str, xlsx.Cell]) -> dict[str, Any]:
    """Return a row as CSV has it."""
    return {name: "" if cell is None else _plain(cell) for name, cell in row.items()}
