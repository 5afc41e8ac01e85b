"""impact.com as its documentation describes it: reports, deferred exports, jobs, and a bucket elsewhere."""

from __future__ import annotations

import base64
import datetime as dt
import json
import uuid
from typing import Any

from fake_http import Answer, Call, FakeVendor, as_json, as_text

SID, TOKEN = "IRsid123", "imp-secret-token"
PREFIXES = {
    "brand": f"/Advertisers/{SID}",
    "partner": f"/Mediapartners/{SID}",
    "agency": f"/Agencies/{SID}",
}
INSTANT = "Date (yyyy-MM-dd'T'HH:mm:ssZZ)"
LISTING, BY_DAY, BY_PROGRAM = (
    "mp_action_listing_fast",
    "partner_performance_by_day",
    "partner_performance_by_program",
)


def attributes(**kinds: str) -> list[dict[str, str]]:
    return [{"Name": name, "DataType": kind, "Description": f"About {name}"} for name, kind in kinds.items()]


METADATA = {
    LISTING: attributes(Action_Id="String", Action_Date=INSTANT, Status="String", Payout="Decimal"),
    BY_DAY: attributes(date_display="String", Clicks="Integer", Sale_zzzAmount="Decimal"),
    BY_PROGRAM: attributes(Campaign="String", Clicks="Integer"),
}
CLICK_COLUMNS = ["Id", "EventDate", "ProgramId", "Payout"]


def days(first: str, last: str) -> list[str]:
    day = dt.date.fromisoformat(first[:10])
    end = dt.date.fromisoformat(last[:10])
    return [(day + dt.timedelta(n)).isoformat() for n in range((end - day).days + 1)]


class FakeImpact(FakeVendor):
    """Identical parameters hand back the job that exists."""

    def __init__(self, account: str = "partner") -> None:
        super().__init__()
        self.account = account
        self.prefix = PREFIXES[account]
        self.jobs: dict[str, dict[str, Any]] = {}
        self.by_parameters: dict[str, str] = {}
        self.information: dict[str, Any] = {"Timezone": "(GMT +00:00) UTC", "Currency": "USD"}
        self.metadata = dict(METADATA)
        self.make_file: Any = self.file_of
        self.bare_arrays = account == "agency"

    def settings(self, **more: Any) -> dict[str, Any]:
        return {
            "account_sid": SID,
            "auth_token": TOKEN,
            "account_type": self.account,
            "api_url": self.url,
            **more,
        }

    # --- routes -------------------------------------------------------------------------------------------

    def answer(self, call: Call) -> Answer:
        expected = "Basic " + base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()
        if call.headers.get("authorization") != expected:
            return as_json({"Status": "ERROR", "Message": "Authentication failed"}, 401)
        if not call.path.startswith(self.prefix + "/"):
            return as_json({"Status": "ERROR", "Message": "Access denied"}, 403)
        return self.route(
            call, call.path.removeprefix(self.prefix).strip("/").removesuffix(".json").split("/")
        )

    def route(self, call: Call, parts: list[str]) -> Answer:
        match call.method, parts:
            case "GET", ["CompanyInformation"]:
                return as_json(self.information)
            case "GET", ["Reports"]:
                return self.catalog()
            case "GET", ["Reports", handle, "MetaData"] if handle in self.metadata:
                return as_json({"Id": handle, "Filters": [], "Attributes": self.metadata[handle]})
            case "GET", ["ReportExport", _] | ["ClickExport"] | ["Programs", _, "ClickExport"]:
                return self.submit(call)
            case "GET", ["Jobs", job_id] if job_id in self.jobs:
                return as_json(self.job(job_id, advance=True))
            case "GET", ["Jobs", job_id, "Download"] if job_id in self.jobs:
                return self.download(call, job_id)
        return as_json({"Status": "ERROR", "Message": "Record not found"}, 404)

    def catalog(self) -> Answer:
        reports: list[dict[str, Any]] = [
            {
                "Id": handle,
                "Name": handle.title(),
                "Category": "Listing",
                "ApiAccessible": True,
                "DeferredApiRunUri": f"{self.prefix}/ReportExport/{handle}",
                "MetaDataUri": f"{self.prefix}/Reports/{handle}/MetaData",
            }
            for handle in self.metadata
        ]
        reports.append({"Id": "only_in_ui", "Name": "Only in the UI", "ApiAccessible": "false"})
        reports.append({"Name": "No id", "ApiAccessible": False, "RunUri": "/secure/x"})
        return as_json(reports if self.bare_arrays else {"Reports": reports, "@page": "1", "@numpages": "1"})

    def submit(self, call: Call) -> Answer:
        same = call.path + json.dumps(call.query, sort_keys=True)
        if same not in self.by_parameters:
            self.by_parameters[same] = job_id = str(uuid.uuid4())
            now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
            self.jobs[job_id] = {
                "call": call,
                "script": ["QUEUED", "RUNNING", "COMPLETED"],
                "created": now,
                "completed": "",
            }
        uri = f"{self.prefix}/Jobs/{self.by_parameters[same]}"
        return as_json(
            {
                "Status": "QUEUED",
                "QueuedUri": uri,
                "ResultUri": f"{uri}/Download",
                "ReplayUri": f"{uri}/Replay",
            }
        )

    def job(self, job_id: str, *, advance: bool) -> dict[str, Any]:
        job = self.jobs[job_id]
        script = job["script"]
        status = script.pop(0) if advance and len(script) > 1 else script[0]
        if status == "COMPLETED" and not job["completed"]:
            job["completed"] = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
        return {
            "Id": job_id,
            "Type": "ApiReport",
            "Status": status,
            "StatusMessage": "",
            "CreatedDate": job["created"],
            "StartedDate": None,
            "CompletedDate": job["completed"] if status == "COMPLETED" else "",
            "RecordsProcessed": "250",
            "PercentageComplete": "100",
            "Replayable": "true",
            "ResultUri": f"{self.prefix}/Jobs/{job_id}/Download",
        }

    def download(self, call: Call, job_id: str) -> Answer:
        if self.jobs[job_id]["script"][0] != "COMPLETED":
            return as_json(self.job(job_id, advance=False), 202)
        return Answer(302, headers={"Location": f"{self.host.url}/out/{job_id}?X-Goog-Signature=signed-link"})

    def file(self, call: Call) -> Answer:
        return as_text(self.make_file(self.jobs[call.path.split("/")[-1]]), kind="application/octet-stream")

    # --- files --------------------------------------------------------------------------------------------

    def file_of(self, job: dict[str, Any]) -> str:
        call = job["call"]
        if call.path.endswith("ClickExport"):
            day, program = call.one("Date"), call.path.split("/")[-2]
            program = program if "/Programs/" in call.path else call.one("ProgramId") or "7"
            lines = [f"c{n},{day}T08:0{n}:24-05:00,{program},0.10" for n in range(2)]
            return "\n".join([",".join(CLICK_COLUMNS), *lines]) + "\n"
        handle = call.path.split("/")[-1]
        first, last = (
            call.one("START_DATE") or call.one("StartDate"),
            call.one("END_DATE") or call.one("EndDate"),
        )
        names = [one["Name"] for one in self.metadata[handle]]
        if handle == BY_PROGRAM:
            return "\n".join([",".join(names), "Shoes,1", f"Hats,{first[8:10]}"]) + "\n"
        lines = [self.line(handle, day) for day in days(first, last)]
        return "\n".join([",".join(names), *lines]) + "\n"

    def line(self, handle: str, day: str) -> str:
        when = dt.date.fromisoformat(day)
        if handle == LISTING:
            return f"{day.replace('-', '.')},{day}T10:00:00-06:00,APPROVED,1.000000000000000001"
        return f'"{when:%b} {when.day}, {when.year}",1,5.000000000000000000'

    # --- what came ----------------------------------------------------------------------------------------

    @property
    def submitted(self) -> list[Call]:
        return [one for one in self.calls if one.path.rsplit("/ReportExport", 1)[0] == self.prefix
                or one.path.endswith("ClickExport")]  # fmt: skip
