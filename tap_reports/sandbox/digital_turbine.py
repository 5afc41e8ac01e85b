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
from tap_reports.sandbox.limits import DayQuota, RollingLimit
from tap_reports.sandbox.options import Switch
from tap_reports.sandbox.shared import Shared

NAME = "digital_turbine"
LINK_SECONDS = 3 * 3600
MOST_DAYS = 90
METRICS = {"Impressions": 100_000, "Clicks": 5_000, "Installs": 400, "Spend": 0}
SPLITS = ("Date", "Campaign ID", "Campaign Name", "Country")


class DigitalTurbine:
    """Routes and state."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._tokens: dict[str, float] = {}
        options = shared.options
        self.minute = RollingLimit(options.limit(options.dt_reports_per_minute), 60.0)
        self.day = DayQuota(options.dt_reports_per_day, shared.time)

    def routes(self) -> list[Route]:
        """Return its routes; the link lives on the storage's origin."""
        return [
            Route("POST", "/auth/v1/token", NAME, "token", self._token),
            Route("POST", "/api/v1/report", NAME, "submit", self._submit),
        ]

    def expected(
        self,
        report: str,
        start: dt.date | None,
        end: dt.date | None,
        **what: Any,
    ) -> list[dict[str, Any]]:
        """Return the rows for `splits`, `metrics`, `filters`, `revision`; `report` does not matter."""
        query = {
            "start": start,
            "end": end,
            "splits": what.get("splits", list(SPLITS)),
            "metrics": what.get("metrics", list(METRICS)),
            "filters": what.get("filters", []),
        }
        return list(self._rows(query, what.get("revision", 0)))

    def _token(self, request: Request) -> Answer:
        body = request.json()
        accounts = self._shared.accounts
        if body.get("grant_type") != "client_credentials":
            return answer_json({"error": "unsupported_grant_type"}, 400)
        if (body.get("client_id"), body.get("client_secret")) != (
            accounts.digital_turbine_id,
            accounts.digital_turbine_word,
        ):
            return answer_json({"error": "invalid_client"}, 400)
        life = self._shared.options.token_seconds
        made = f"sandbox.{secrets.token_urlsafe(24)}"
        self._tokens[made] = self._shared.time.monotonic() + life
        return answer_json({"accessToken": made, "tokenType": "bearer", "expiresIn": life})

    def _submit(self, request: Request) -> Answer:
        shared, now = self._shared, self._shared.time.monotonic()
        scheme, _, token = (request.headers.get("Authorization") or "").partition(" ")
        if scheme != "Bearer" or self._tokens.get(token, 0.0) < now:
            return answer_json({"error": "invalid_token", "message": "The access token has expired"}, 401)
        what = self._read(request.json())
        with shared.jobs.lock:
            if self.minute.left(now) <= 0:
                wait = {"Retry-After": str(max(1, round(self.minute.reset_in(now))))}
                return answer_json({"error": "too_many_requests", "message": "5 reports a minute"}, 429, wait)
            if not self.day.take():
                return answer_json({"error": "too_many_requests", "message": "100 reports a day"}, 429)
            self.minute.take(now)
            job = shared.jobs.add(NAME, "dtgrowth", what)
            shared.jobs.accepted[NAME] += 1
        request.job_id = job.id
        if request.fault is not None and request.fault.action is Action.NO_LINK:
            return answer_json({})
        waiting = (
            answer_json({}, 404)
            if shared.options.has(Switch.DT_PENDING_404)
            else Answer(content_type="text/csv")
        )
        link = shared.storage.sign(
            NAME,
            job.id,
            self._part(job.id, what, job.revision),
            seconds=LINK_SECONDS,
            request=request,
            ready=lambda: shared.jobs.phase(job) is Phase.DONE,
            waiting=waiting,
        )
        return answer_json(
            {"id": job.id, "url": link} if shared.options.has(Switch.DT_URL_KEY) else {"signed_url": link}
        )

    def _read(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return a submission's parts; bad dates make an empty report, anything else bad is refused."""
        query = body.get("query")
        if body.get("product") != "dtgrowth" or not isinstance(query, dict):
            raise Refusal(
                answer_json({"error": "invalid_request", "message": "product or query is wrong"}, 400)
            )
        metrics, splits = query.get("metrics") or [], query.get("splits") or []
        unknown = [name for name in metrics if name not in METRICS] + [
            name for name in splits if name not in SPLITS
        ]
        if unknown or not metrics:
            text = f"unknown metrics or splits: {', '.join(unknown)}" if unknown else "metrics is required"
            raise Refusal(answer_json({"error": "invalid_request", "message": text}, 400))
        if query.get("reportFormat", "csv") != "csv":
            raise Refusal(
                answer_json({"error": "invalid_request", "message": "reportFormat must be csv"}, 400)
            )
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
        if end > self._shared.time.today() or (end - start).days >= MOST_DAYS:
            return dt.date.max, dt.date.min
        return start, end

    def _part(self, job_id: str, what: dict[str, Any], revision: int) -> Part:
        name = f"{job_id}.csv"
        if self._shared.options.has(Switch.DT_ZERO_BYTE) and not any(
            True for _ in self._rows(what, revision)
        ):
            return text_part(name, lambda _: ())
        return csv_part(name, [*what["splits"], *what["metrics"]], lambda: self._rows(what, revision))

    def _combinations(self, what: dict[str, Any]) -> list[dict[str, str]]:
        """Return the distinct values of the splits without the date, filters applied."""
        wanted = {entry["dimension"]: {str(value) for value in entry["values"]} for entry in what["filters"]}
        found: dict[tuple[str, ...], dict[str, str]] = {}
        for number in range(self._shared.options.rows):
            campaign, country = divmod(number, len(COUNTRIES))
            row = {
                "Campaign ID": f"{campaign + 1:06d}",
                "Campaign Name": f"{NAMES[campaign % len(NAMES)]} {campaign + 1}",
                "Country": COUNTRIES[country],
            }
            if all(row.get(name, "") in values for name, values in wanted.items() if name in row):
                cells = {name: row[name] for name in what["splits"] if name != "Date"}
                found.setdefault(tuple(cells.values()), cells)
        return list(found.values())

    def _rows(self, what: dict[str, Any], revision: int) -> Iterator[dict[str, str]]:
        """Yield rows in no date order; without the split `Date` each is the sum of its days."""
        dated = "Date" in what["splits"]
        restated = self._shared.restated(revision)
        dice = Dice(self._shared.options.seed, NAME)
        span = list(days(what["start"], what["end"])) if what["start"] <= what["end"] else []
        groups = [[day] for day in span] if dated else [span] * bool(span)
        for cells, group in itertools.product(self._combinations(what), groups):
            metrics = {
                name: _sum([_value(dice, name, (*cells.values(), day), restated.mark(day)) for day in group])
                for name in what["metrics"]
            }
            row = {**cells, "Date": group[0].isoformat()} if dated else cells
            yield {**{name: row[name] for name in what["splits"]}, **metrics}


def _value(dice: Dice, metric: str, key: tuple[object, ...], mark: str) -> float | None:
    """Return a day's figure; money with binary noise, now and then none."""
    roll = dice.roll(*key, metric, mark)
    if metric == "Installs" and (roll >> 70) % 9 == 0:
        return None
    return roll % METRICS[metric] if METRICS[metric] else 0.1 * (roll % 100_000) + 0.0363


def _sum(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    return repr(sum(known)) if known else ""
