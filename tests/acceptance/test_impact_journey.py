"""impact.com: a report without keys and one with them, of an account west of UTC."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from journey import INTEGER, NUMBER, SECRET, SIGNATURE, TEXT, Journey, Stream, lineage
from recorded_server import Answer

BY_DAY, LISTING = "partner_performance_by_day", "mp_action_listing_fast"
ACCOUNT = "/Mediapartners/IRsid123"
INSTANT = "Date (yyyy-MM-dd'T'HH:mm:ssZZ)"
ATTRIBUTES = {
    BY_DAY: {"date_display": "String", "Clicks": "Integer", "Sale_zzzAmount": "Decimal"},
    LISTING: {"Action_Id": "String", "Action_Date": INSTANT, "Payout": "Decimal"},
}
FILES = {
    BY_DAY: 'date_display,Clicks,Sale_zzzAmount\n"Aug 1, 2024",1,5.000000000000000000\n"Aug 3, 2024",,1\n',
    LISTING: "Action_Id,Action_Date,Payout\n1,2024-08-01T10:00:00,1.000000000000000001\n",
}


def _impact_answers() -> dict[str, list[Any]]:
    answers: dict[str, list[Any]] = {
        f"GET {ACCOUNT}/CompanyInformation": [
            {"Timezone": "(GMT -06:00) Central Time (US & Canada)", "Currency": "USD"}
        ],
        f"GET {ACCOUNT}/Reports": [
            {
                "Reports": [
                    {
                        "Id": handle,
                        "Name": handle.title(),
                        "ApiAccessible": True,
                        "DeferredApiRunUri": f"{ACCOUNT}/ReportExport/{handle}",
                        "MetaDataUri": f"{ACCOUNT}/Reports/{handle}/MetaData",
                    }
                    for handle in ATTRIBUTES
                ],
                "@page": "1",
                "@numpages": "1",
            }
        ],
    }
    for number, (handle, columns) in enumerate(ATTRIBUTES.items()):
        job = f"{ACCOUNT}/Jobs/job-{number}"
        state = {"Id": f"job-{number}", "CreatedDate": "2024-08-09T10:00:00Z", "ResultUri": f"{job}/Download"}
        answers |= {
            f"GET {ACCOUNT}/Reports/{handle}/MetaData": [
                {"Attributes": [{"Name": name, "DataType": kind} for name, kind in columns.items()]}
            ],
            f"GET {ACCOUNT}/ReportExport/{handle}": [
                {"Status": "QUEUED", "QueuedUri": job, "ResultUri": f"{job}/Download"}
            ],
            f"GET {job}": [
                {**state, "Status": "QUEUED"},
                {**state, "Status": "COMPLETED", "CompletedDate": "2024-08-09T10:01:00Z"},
            ],
            f"GET {job}/Download": [
                Answer(302, headers={"Location": f"{{url}}/out/{number}?X-Goog-Signature={SIGNATURE}"})
            ],
            f"GET /out/{number}": [FILES[handle]],
        }
    return answers


IMPACT = Journey(
    vendor="impact",
    days=("2024-08-01", "2024-08-03"),
    settings={
        "account_sid": "IRsid123",
        "auth_token": SECRET,
        "account_type": "partner",
        "api_version": "14",
        "reports": [{"id": BY_DAY}, {"id": LISTING}],
    },
    answers=_impact_answers(),
    headers={(f"GET {ACCOUNT}/ReportExport/{BY_DAY}", "ir-version"): "14"},
    sent={
        f"GET {ACCOUNT}/ReportExport/{BY_DAY}": [
            {"START_DATE": "2024-08-01", "END_DATE": "2024-08-03", "ResultFormat": "CSV"}
        ]
    },
    streams={
        f"impact_{BY_DAY}": Stream(
            keys=["_report_slice_start", "_report_row"],
            types={"date_display": TEXT, "clicks": INTEGER, "sale_zzz_amount": NUMBER},
            records=[
                {
                    "date_display": "2024-08-01",
                    "clicks": 1,
                    "sale_zzz_amount": 5,
                    **lineage("job-0", "2024-08-01", "2024-08-03", 1),
                }
            ],
            rows=2,
            bookmark=("date_display", "2024-08-03"),
        ),
        f"impact_{LISTING}": Stream(
            keys=["action_id"],
            types={"action_id": TEXT, "action_date": TEXT, "payout": NUMBER},
            records=[
                {
                    "action_id": "1",
                    "action_date": "2024-08-01T10:00:00-06:00",
                    "payout": Decimal("1.000000000000000001"),
                    **lineage("job-1", "2024-08-01", "2024-08-03", 1),
                }
            ],
            rows=1,
            bookmark=("action_date", "2024-08-03"),
        ),
    },
)


def test_reports_with_and_without_keys_have_every_digit_and_the_account_s_time(program):
    IMPACT.check(program)
