"""Second Nature's Reporting API: list, request, status."""

from __future__ import annotations

import datetime as dt
import io
import json
import zipfile
from collections.abc import Iterator
from typing import IO, Any, ClassVar

from tap_reports.sandbox import second_nature_data as data
from tap_reports.sandbox import xlsx
from tap_reports.sandbox.faults import Action
from tap_reports.sandbox.files import Part, csv_part, text_part
from tap_reports.sandbox.http import Answer, Refusal, Request, Route, answer_json
from tap_reports.sandbox.jobs import DONE, Job, Phase
from tap_reports.sandbox.options import Switch
from tap_reports.sandbox.shared import Day, Handle, RollingLimit, Shared, VendorApi

FORMATS = ("xlsx", "csv", "json")
OTHER_FIELDS = {"start_time": "from", "end_time": "to"}


class SecondNature(VendorApi):
    """Routes and state."""

    name = "second_nature"
    link_seconds = 900
    words: ClassVar = {Phase.QUEUED: "pending", Phase.RUNNING: "in_progress", Phase.DONE: "complete"}

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self._cache: dict[str, Job] = {}
        limit = shared.options.sn_requests_per_minute
        self._minute = RollingLimit(shared.options.limit(limit) if limit else 1 << 30, 60.0, shared.time)
        self.to_clear = [self._cache, self._minute]

    def routes(self) -> list[Route]:
        """Return its routes."""
        table = [
            ("GET", "/api/reports/", "list", self._list),
            ("POST", "/api/reports/export/", "submit", self._submit),
            ("GET", "/api/reports/export/", "submit", self._submit),
            ("GET", "/api/reports/export/{ticket_id}/", "poll", self._status),
        ]
        return self.routed(table)

    def query(self, report: str, start: Day, end: Day, what: dict[str, Any]) -> dict[str, Any]:
        """Return what is requested of a `sheet` (default the first) for `course_id`."""
        sheets = {sheet.name: sheet for sheet in data.REPORTS[report]}
        sheet = sheets[what.get("sheet", next(iter(sheets)))]
        course = what.get("course_id", "")
        return {"report": report, "start": start, "end": end, "course": course, "sheet": sheet}

    def guarded(self, handle: Handle, request: Request) -> Answer:
        """Answer a call; other keys are refused, and more calls than a minute may hold."""
        accounts, header = self._shared.accounts, request.headers.get("Authorization") or ""
        if header == f"Token {accounts.second_nature_no_admin}":
            raise _refused("You do not have permission to perform this action.", 403)
        if header != f"Token {accounts.second_nature_key}":
            raise _refused("Invalid token.", 401)
        with self._jobs.lock:
            if not self._minute.take():
                raise _refused("Request was throttled.", 429, self._minute.retry_after)
        return handle(request)

    def _list(self, _: Request) -> Answer:
        if self.has(Switch.SN_LIST_OBJECTS):
            return answer_json([{"report_name": name} for name in data.REPORTS])
        return answer_json({"reports": list(data.REPORTS)})

    def _submit(self, request: Request) -> Answer:
        is_other = self.has(Switch.SN_OTHER_FIELDS)
        if (request.method == "GET") != is_other:
            raise _refused(f'Method "{request.method}" not allowed.', 405)
        body = _renamed(request) if is_other else request.json()
        what = _read(body)
        key = json.dumps(what, sort_keys=True, default=str)
        with self._jobs.lock:
            cached = self._cache.get(key)
            is_good = cached and not cached.failed and self._jobs.phase(cached) is Phase.DONE
            if cached and is_good and not body.get("force_update"):
                job = self.start(request, what["report"], what, seconds=0.0)
                job.revision = cached.revision
            else:
                job = self._cache[key] = self.start(request, what["report"], what)
        return answer_json({"ticket_id": job.id})

    def _status(self, request: Request) -> Answer:
        job = self.find(request, "ticket_id", answer_json({"detail": "Not found."}, 404))
        word = self.word(job, request)
        error = "The report could not be generated" if word == "failed" else None
        answer: dict[str, Any] = {"status": word, "report_url": None, "error": error}
        if word in DONE and not request.hit_by(Action.NO_LINK):
            if "url" not in job.what:
                job.what["url"] = self._links(job, request)
            answer["report_url"] = job.what["url"]
        return answer_json(answer)

    def _links(self, job: Job, request: Request) -> Any:
        """Return the link or, for CSV with several sheets, a list of them. A ticket keeps its links."""
        sheets = data.REPORTS[job.report]
        several = job.what["format"] == "csv" and len(sheets) > 1
        if several and not self.has(Switch.SN_ZIP):
            links = [self.sign(job, self._csv(job, at), request) for at in range(len(sheets))]
            return [{"sheet_name": sheet.name, "url": url} for sheet, url in zip(sheets, links, strict=True)]
        makers = {"csv": self._zip if several else self._csv, "json": self._json, "xlsx": self._xlsx}
        return self.sign(job, makers[job.what["format"]](job), request)

    def _csv(self, job: Job, at: int = 0) -> Part:
        sheet = data.REPORTS[job.report][at]
        return csv_part(f"{job.id}-{at}.csv", sheet.columns, lambda: map(_texts, self._of(job, sheet)))

    def _zip(self, job: Job) -> Part:
        def write(out: IO[bytes], header_only: bool) -> None:
            with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
                for at, sheet in enumerate(data.REPORTS[job.report]):
                    content = io.BytesIO()
                    self._csv(job, at).write(content, header_only)
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
            sheets = data.REPORTS[job.report]
            xlsx.write(
                out, [xlsx.Sheet(sheet.name, self._lines(job, sheet, header_only)) for sheet in sheets]
            )

        return Part(f"{job.id}.xlsx", write)

    def _lines(self, job: Job, sheet: data.SheetType, header_only: bool) -> Iterator[list[xlsx.Cell]]:
        if sheet.title:
            yield [sheet.title]
        yield list(sheet.columns)
        for row in () if header_only else self._of(job, sheet):
            yield list(row.values())

    def _of(self, job: Job, sheet: data.SheetType) -> Iterator[dict[str, xlsx.Cell]]:
        return self.rows({**job.what, "sheet": sheet}, job.revision)

    def rows(self, query: dict[str, Any], revision: int) -> Iterator[dict[str, xlsx.Cell]]:
        """Yield a sheet's rows; days that are yet to come have none."""
        if query["end"] is not None:
            query = {**query, "end": self.past(query["end"])}
        options, restated = self._options, self._shared.restated(revision)
        return data.rows(options.seed, options.rows, query, restated)


def _refused(detail: str, status: int, headers: dict[str, str] | None = None) -> Refusal:
    return Refusal(answer_json({"detail": detail}, status, headers))


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
        raise _refused(f"Report {report} does not exist.", 404)
    if course and course not in data.COURSES:
        raise _refused("Course does not exist.", 404)
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
        raise _refused("start_time and end_time are UNIX timestamps.", 400)
    return dt.datetime.fromtimestamp(seconds, dt.UTC).date()


def _plain(cell: xlsx.Cell) -> Any:
    """Return a cell as JSON has it."""
    if isinstance(cell, dt.timedelta):
        return str(cell)
    return cell.isoformat() if isinstance(cell, dt.date) else cell


def _texts(row: dict[str, xlsx.Cell]) -> dict[str, Any]:
    """Return a row as CSV has it."""
    return {name: "" if cell is None else _plain(cell) for name, cell in row.items()}
