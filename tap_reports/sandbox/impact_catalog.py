"""What impact.com says of an account and its reports."""

from __future__ import annotations

from typing import Any

from tap_reports.sandbox.http import Answer, Request, answer_json
from tap_reports.sandbox.impact_reports import REPORTS, ZONE_SHOWN, ReportSpec, Shape


def company(request: Request) -> Answer:
    """Answer the account's time zone (for display, no IANA name) and currency."""
    named = {"AccountSid": request.params["sid"], "CompanyName": "Sandbox Ltd"}
    return answer_json({**named, "Timezone": ZONE_SHOWN, "Currency": "USD"})


def reports(request: Request) -> Answer:
    """Answer the account type's reports: paged, or a bare array for agencies."""
    kind, root = request.params["kind"], base(request)
    listed = [_listed(root, name, spec) for name, spec in REPORTS.items() if kind in spec.kinds]
    if kind == "agency":
        return answer_json(listed)
    page, size = int(request.value("Page", "1")), int(request.value("PageSize", "100"))
    paging = frame(page, size, len(listed))
    is_last = page >= int(paging["@numpages"])
    following = "" if is_last else f"{root}/Reports?Page={page + 1}&PageSize={size}"
    links = {"@uri": f"{root}/Reports", "@nextpageuri": following}
    return answer_json({**paging, **links, "Reports": listed[(page - 1) * size : page * size]})


def metadata(request: Request) -> Answer:
    """Answer the filters and columns of a report."""
    name, kind = request.params["report"], request.params["kind"]
    spec = REPORTS.get(name)
    if spec is None or kind not in spec.kinds:
        return error(f"Report {name} not found", 404)
    uri = f"{base(request)}/Reports/{name}"
    shown = [item.replace("_", " ").title() if kind == "agency" else item for item in spec.filters]
    first = {"Campaign": "String"} if spec.shape is Shape.BY_PROGRAM else {}
    attributes = first | spec.attributes
    return answer_json(
        {
            "Name": spec.name,
            "Id": name,
            "Description": f"{spec.name} of the sandbox",
            "Filters": [{"Name": item, "DataType": "String", "Format": "yyyy-MM-dd"} for item in shown],
            "Attributes": [
                {"Name": item, "DataType": kind_, "Description": item} for item, kind_ in attributes.items()
            ],
            "RunUri": uri,
            "Uri": f"{uri}/MetaData",
        }
    )


def base(request: Request) -> str:
    """Return the path of the account that a call names."""
    return f"/{request.params['prefix']}/{request.params['sid']}"


def frame(page: int, size: int, total: int) -> dict[str, str]:
    """Return what a page says of itself."""
    pages = max(1, -(-total // size))
    return {"@page": str(page), "@numpages": str(pages), "@pagesize": str(size), "@total": str(total)}


def _listed(root: str, name: str, spec: ReportSpec) -> dict[str, Any]:
    """Return a report as the list shows it."""
    entry: dict[str, Any] = {
        "Name": spec.name,
        "Id": name,
        "Category": spec.category,
        "Description": f"{spec.name} of the sandbox",
        "ApiAccessible": spec.accessible,
    }
    if not spec.accessible:
        return entry | {"RunUri": f"/secure/report.ihtml?handle={name}"}
    return entry | {
        "ApiRunUri": f"{root}/Reports/{name}",
        "DeferredApiRunUri": f"{root}/ReportExport/{name}",
        "MetaDataUri": f"{root}/Reports/{name}/MetaData",
    }


def error(message: str, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    """Return an error as the exports give it: by default with status 200."""
    return answer_json({"Status": "ERROR", "Message": message}, status, headers)
