"""Digital Turbine: the report that is there without configuration."""

from __future__ import annotations

from decimal import Decimal

from journey import INTEGER, NUMBER, SECRET, SIGNATURE, TEXT, Journey, Stream, lineage

DIGITAL_TURBINE = Journey(
    vendor="digital_turbine",
    days=("2026-01-01", "2026-01-03"),
    settings={"client_id": "5f1e2d3c4b5a", "client_secret": SECRET},
    answers={
        "POST /auth/v1/token": [{"accessToken": "eyJ0", "tokenType": "bearer", "expiresIn": 3600}],
        "POST /api/v1/report": [{"signed_url": f"{{url}}/group%3D7/0c1d.csv?X-Amz-Signature={SIGNATURE}"}],
        "GET /group%3D7/0c1d.csv": [
            "",
            (
                "Date,Campaign ID,Campaign Name,Country,Impressions,Clicks,Installs,Spend\n"
                '2026-01-01,001,"C, 1",US,1000,10,3,0.036300000000000006\n'
                "2026-01-03,002,C 2,US,,,,\n"
            ),
        ],
    },
    headers={
        ("POST /api/v1/report", "authorization"): "Bearer eyJ0",
        ("POST /api/v1/report", "content-type"): "application/json",
    },
    sent={
        "POST /auth/v1/token": [
            {"client_id": "5f1e2d3c4b5a", "client_secret": SECRET, "grant_type": "client_credentials"}
        ],
        "POST /api/v1/report": [
            {
                "product": "dtgrowth",
                "query": {
                    "dateRange": {"start": "2026-01-01", "end": "2026-01-03"},
                    "metrics": ["Impressions", "Clicks", "Installs", "Spend"],
                    "splits": ["Date", "Campaign ID", "Campaign Name", "Country"],
                    "filters": [],
                    "reportFormat": "csv",
                },
            }
        ],
    },
    streams={
        "digital_turbine_campaign_daily": Stream(
            keys=["date", "campaign_id", "country"],
            types={
                **dict.fromkeys(("date", "campaign_id", "campaign_name", "country"), TEXT),
                **dict.fromkeys(("impressions", "clicks", "installs"), INTEGER),
                "spend": NUMBER,
            },
            records=[
                {
                    "date": "2026-01-01",
                    "campaign_id": "001",
                    "campaign_name": "C, 1",
                    "country": "US",
                    "impressions": 1000,
                    "clicks": 10,
                    "installs": 3,
                    "spend": Decimal("0.036300000000000006"),
                    **lineage("0c1d.csv", "2026-01-01", "2026-01-03", 1),
                }
            ],
            rows=2,
            bookmark=("date", "2026-01-03"),
        )
    },
)


def test_without_reports_there_is_one_of_campaigns_by_day(program):
    DIGITAL_TURBINE.check(program)
