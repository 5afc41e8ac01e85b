"""Similarweb: a monthly report of all metrics."""

from __future__ import annotations

from decimal import Decimal
from unittest.mock import ANY

from journey import INTEGER, NUMBER, SECRET, SIGNATURE, TEXT, Journey, Stream, lineage

MONTHS = {"monthly": {"start_date": "2018-08", "end_date": "2024-09"}}
METRICS = {
    "all_traffic_visits": "double",
    "desktop_visits": "double",
    "global_rank": "bigint",
    "category": "string",
}
FILTERS = {"domains": "domain", "countries": "country"}
DESCRIBED = {
    "table": "traffic_and_engagement",
    "table_granularity": MONTHS,
    "table_metrics": [
        {"metric_name": name, "claim": "x", "type": kind, "supported_granularity": MONTHS}
        for name, kind in METRICS.items()
    ],
    "table_filters": [
        {"name": name, "key_column": column, "is_mandatory": True, "type": "list"}
        for name, column in FILTERS.items()
    ],
}
SIMILARWEB = Journey(
    vendor="similarweb",
    days=("2024-08-01", "2024-09-30"),
    settings={"api_key": SECRET, "domains": ["a.com"]},
    answers={
        "GET /v3/batch/tables/describe": [[DESCRIBED]],
        "GET /v3/batch/credits": [{"remaining_credits": 25_000}],
        "POST /batch/v5/request-validate": [{"estimated_credits": 8, "is_valid": True, "warnings": []}],
        "POST /batch/v5/request-report": [{"report_id": "r-1", "status": "pending"}],
        "GET /v3/batch/request-status/r-1": [
            {"status": "pending"},
            {
                "status": "completed",
                "download_url": f"{{url}}/files/r-1.csv?X-Signature={SIGNATURE}",
                "data_points_count": 4,
                "used_quota": 7,
            },
        ],
        "GET /files/r-1.csv": [
            (
                "domain,country,yearmonth,all_traffic_visits,desktop_visits,global_rank,category\n"
                'a.com,WW,2024-08,32316961207.750504,1.5,1.0,"News, Media"\n'
                'a.com,WW,2024-09,7,,2,"News, Media"\n'
            )
        ],
    },
    headers={("POST /batch/v5/request-report", "api-key"): SECRET},
    sent={
        "POST /batch/v5/request-report": [
            {
                "report_name": ANY,
                "delivery_information": {"response_format": "csv", "delivery_method": "download_link"},
                "report_query": {
                    "tables": [
                        {
                            "vtable": "traffic_and_engagement",
                            "granularity": "monthly",
                            "filters": {"domains": ["a.com"], "countries": ["WW"]},
                            "metrics": list(METRICS),
                            "start_date": "2024-08",
                            "end_date": "2024-09",
                        }
                    ]
                },
            }
        ]
    },
    streams={
        "similarweb_traffic_and_engagement_monthly": Stream(
            keys=["domain", "country", "date"],
            types={
                "domain": TEXT,
                "country": TEXT,
                "date": TEXT,
                "all_traffic_visits": NUMBER,
                "desktop_visits": NUMBER,
                "global_rank": INTEGER,
                "category": TEXT,
            },
            records=[
                {
                    "domain": "a.com",
                    "country": "WW",
                    "date": "2024-08-01",
                    "all_traffic_visits": Decimal("32316961207.750504"),
                    "desktop_visits": Decimal("1.5"),
                    "global_rank": 1,
                    "category": "News, Media",
                    **lineage("r-1", "2024-08-01", "2024-09-30", 1),
                }
            ],
            rows=2,
            bookmark=("date", "2024-09-30"),
        )
    },
)


def test_without_reports_there_is_one_of_all_metrics_by_month(program):
    SIMILARWEB.check(program)
