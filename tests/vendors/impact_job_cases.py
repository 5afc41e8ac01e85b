"""What impact.com says of one job, for tests."""

from __future__ import annotations

from impact_account import PREFIX, SID

EXPORT = f"{PREFIX}/ReportExport/x"
JOB = f"{PREFIX}/Jobs/j-1"
REPLAY = f"{JOB}/Replay"
QUEUED = {
    "Status": "QUEUED",
    "QueuedUri": f"/Mediapartners/{SID}/Jobs/j-1",
    "ResultUri": f"/Mediapartners/{SID}/Jobs/j-1/Download",
}
OLD, NEW = "2026-02-01T10:00:00-06:00", "2026-03-02T04:40:00Z"


def job_object(status="COMPLETED", **more):
    return {
        "Id": "j-1",
        "Status": status,
        "StatusMessage": None,
        "CreatedDate": "2026-02-01T09:59:00-06:00",
        "CompletedDate": OLD if status == "COMPLETED" else "",
        "RecordsProcessed": "250",
        "Replayable": "true",
        **more,
    }
