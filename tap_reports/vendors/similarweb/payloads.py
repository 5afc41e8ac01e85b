"""Paths and payloads of submissions, by API version.

v3 has the table in the path and a flat body; v4 and v5 have the same body and differ in the path.
https://developers.similarweb.com/docs/report-endpoints
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from tap_reports.models import ReportRequest
from tap_reports.vendors.similarweb.days import written

V3 = "v3"
VERSIONS = ("v5", "v4", V3)
SUBMIT, VALIDATE = "request-report", "request-validate"
DOWNLOAD_LINK = "download_link"


def path(request: ReportRequest, version: str, action: str) -> str:
    """Return where a request is submitted or validated."""
    if version == V3:
        return f"/v3/batch/{quote(request.report, safe='')}/{action}"
    return f"/batch/{version}/{action}"


def payload(request: ReportRequest, version: str, webhook_url: str | None = None) -> dict[str, Any]:
    """Return a submission's payload; `webhook_url` is called when the report is done.

    The job's key is the report's name, by which a submission whose answer was lost is found in the account.
    """
    what = request.parameters
    delivery: dict[str, Any] = {"response_format": what["response_format"], "delivery_method": DOWNLOAD_LINK}
    if webhook_url:
        delivery["webhook_url"] = webhook_url
    if request.options:
        delivery["delivery_method_params"] = dict(request.options)
    query = {
        "granularity": what["granularity"],
        "filters": what["filters"],
        "metrics": what["metrics"],
        **written(request.slice, what["granularity"], version),
    }
    if "limit" in what:
        query["paging"] = {"limit": what["limit"]}
    if version == V3:
        return {**query, **delivery}
    return {
        "report_name": request.key,
        "delivery_information": delivery,
        "report_query": {"tables": [{"vtable": what["table"], **query}]},
    }
