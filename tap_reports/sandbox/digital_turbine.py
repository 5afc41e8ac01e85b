"""Digital Turbine's DT Growth Reporting API: token, report, and a link that fills."""

from __future__ import annotations

import datetime as dt
import itertools
import secrets
from collections.abc import Iterator
from typing import Any

from tap_reports.sandbox.data import COUNTRIES, NAMES, Dice, days
from tap_reports.sandbox.faults import Action
from tap_reports.sandbox.files import Part, csv_part, text_part
from tap_reports.sandbox.http import Answer, Refusal, Request, Route, answer_json
from tap_reports.sandbox.jobs import Phase
from tap_reports.sandbox.options import Switch
from tap_reports.sandbox.shared import Day, DayQuota, RollingLimit, Shared, VendorApi

MAX_DAYS = 90
METRICS = {"Impressions": 100_000, "Clicks": 5_000, "Installs": 400, "Spend": 0}
SPLITS = ("Date", "Campaign ID", "Campaign Name", "Country")


class DigitalTurbine(VendorApi):
    """Routes and state."""

    name = "digital_turbine"
    link_seconds = 3 * 3600

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self._tokens: dict[str, float] = {}
        options = shared.options
        self._minute = RollingLimit(options.limit(options.dt_reports_per_minute), 60.0, shared.time)
        self._day = DayQuota(options.dt_reports_per_day, shared.time)
        self.to_clear = [self._minute, self._day]

    def routes(self) -> list[Route]:
        """Return its routes; the link lives on the storage's origin."""
        return self.routed(
            [
                ("POST", "/auth/v1/token", "token", self._token),
                ("POST", "/api/v1/report", "submit", self._submit),
            ]
        )

    def query(self, report: str, start: Day, end: Day, what: dict[str, Any]) -> dict[str, Any]:
        """Return what is requested by `splits`, `metrics`, `filters`; `report` does not matter."""
        every = {"splits": list(SPLITS), "metrics": list(METRICS), "filters": []}
        return {"start": start, "end": end, **{name: what.get(name, every[name]) for name in every}}

    def _token(self, request: Request) -> Answer:
        body = request.json()
        accounts = self._shared.accounts
        if body.get("grant_type") != "client_credentials":
            return answer_json({"error": "unsupported_grant_type"}, 400)
        known = (accounts.digital_turbine_id, accounts.digital_turbine_word)
        if (body.get("client_id"), body.get("client_secret")) != known:
            return answer_json({"error": "invalid_client"}, 400)
        life = self._options.token_seconds
        made = f"sandbox.{secrets.token_urlsafe(24)}"
        self._tokens[made] = self._time.monotonic() + life
        return answer_json({"accessToken": made, "tokenType": "bearer", "expiresIn": life})

    def _submit(self, request: Request) -> Answer:
        scheme, _, token = (request.headers.get("Authorization") or "").partition(" ")
        if scheme != "Bearer" or self._tokens.get(token, 0.0) < self._time.monotonic():
            return _refused("invalid_token", "The access token has expired", 401)
        what = self._read(request.json())
        with self._jobs.lock:
            if self._minute.left <= 0:
                return _refused("too_many_requests", "5 reports a minute", 429, self._minute.retry_after)
            if not self._day.take():
                return _refused("too_many_requests", "100 reports a day", 429)
            self._minute.take()
            job = self.start(request, "dtgrowth", what)
        if request.hit_by(Action.NO_LINK):
            return answer_json({})
        pending = self.has(Switch.DT_PENDING_404)
        waiting = answer_json({}, 404) if pending else Answer(content_type="text/csv")
        part = self._part(job.id, what, job.revision)
        link = self.sign(
            job, part, request, ready=lambda: self._jobs.phase(job) is Phase.DONE, waiting=waiting
        )
        return answer_json(
            {"id": job.id, "url": link} if self.has(Switch.DT_URL_KEY) else {"signed_url": link}
        )

    def _read(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return a submission's parts; bad dates make an empty report, anything else bad is refused."""
        query = body.get("query")
        if body.get("product") != "dtgrowth" or not isinstance(query, dict):
            raise Refusal(_refused("invalid_request", "product or query is wrong"))
        metrics, splits = query.get("metrics") or [], query.get("splits") or []
        unknown = [name for name in metrics if name not in METRICS]
        unknown += [name for name in splits if name not in SPLITS]
        if unknown or not metrics:
            text = f"unknown metrics or splits: {', '.join(unknown)}" if unknown else "metrics is required"
            raise Refusal(_refused("invalid_request", text))
        if query.get("reportFormat", "csv") != "csv":
            raise Refusal(_refused("invalid_request", "reportFormat must be csv"))
        start, end = self._dates(query.get("dateRange") or {})
        filters = [
            {"dimension": entry["dimension"], "values": list(entry["values"])}
            for entry in query.get("filters") or []
        ]
        return {"start": start, "end": end, "splits": splits, "metrics": metrics, "filters": filters}

    def _dates(self, span: dict[str, Any]) -> tuple[dt.date, dt.date]:
        """Return the days; an impossible range comes back with its end before its start."""
        try:
            start, end = dt.date.fromisoformat(span["start"]), dt.date.fromisoformat(span["end"])
        except (KeyError, TypeError, ValueError):
            start, end = dt.date.max, dt.date.min
        if end > self._time.today() or (end - start).days >= MAX_DAYS:
            return dt.date.max, dt.date.min
        return start, end

    def _part(self, job_id: str, what: dict[str, Any], revision: int) -> Part:
        name = f"{job_id}.csv"
        if self.has(Switch.DT_ZERO_BYTE) and not any(True for _ in self.rows(what, revision)):
            return text_part(name, lambda _: ())
        return csv_part(name, [*what["splits"], *what["metrics"]], lambda: self.rows(what, revision))

    def _combinations(self, what: dict[str, Any]) -> list[dict[str, str]]:
        """Return the distinct values of the splits without the date, filters applied."""
        wanted = {entry["dimension"]: {str(value) for value in entry["values"]} for entry in what["filters"]}
        combinations: dict[tuple[str, ...], dict[str, str]] = {}
        for number in range(self._options.rows):
            campaign, country = divmod(number, len(COUNTRIES))
            row = {
                "Campaign ID": f"{campaign + 1:06d}",
                "Campaign Name": f"{NAMES[campaign % len(NAMES)]} {campaign + 1}",
                "Country": COUNTRIES[country],
            }
            if all(row.get(name, "") in values for name, values in wanted.items() if name in row):
                cells = {name: row[name] for name in what["splits"] if name != "Date"}
                combinations.setdefault(tuple(cells.values()), cells)
        return list(combinations.values())

    def rows(self, query: dict[str, Any], revision: int) -> Iterator[dict[str, str]]:
        """Yield rows in no date order; without the split `Date` each is the sum of its days."""
        dated = "Date" in query["splits"]
        restated = self._shared.restated(revision)
        dice = Dice(self._options.seed, self.name)
        span = list(days(query["start"], query["end"])) if query["start"] <= query["end"] else []
        groups = [[day] for day in span] if dated else [span] * bool(span)
        for cells, group in itertools.product(self._combinations(query), groups):
            metrics = {
                name: _sum([_value(dice, name, (*cells.values(), day), restated.mark(day)) for day in group])
                for name in query["metrics"]
            }
            row = {**cells, "Date": group[0].isoformat()} if dated else cells
            yield {**{name: row[name] for name in query["splits"]}, **metrics}


def _refused(error: str, message: str, status: int = 400, headers: dict[str, str] | None = None) -> Answer:
    return answer_json({"error": error, "message": message}, status, headers)


def _value(dice: Dice, metric: str, key: tuple[object, ...], mark: str) -> float | None:
    """Return a day's figure; money with binary noise, now and then none."""
    roll = dice.roll(*key, metric, mark)
    if metric == "Installs" and (roll >> 70) % 9 == 0:
        return None
    return roll % METRICS[metric] if METRICS[metric] else 0.1 * (roll % 100_000) + 0.0363


def _sum(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    return repr(sum(known)) if known else ""
