"""The tap's config that fits a sandbox."""

from __future__ import annotations

import copy
import datetime as dt
from typing import Any

from tap_reports.sandbox.options import Accounts, Options

START_BEFORE = 120
"""Days before today from which a printed config extracts: enough for whole months."""

REPORTS = {
    "brand": [
        {"id": "att_adv_performance_by_day_pm_only", "params": {"SUBAID": "1000"}},
        {"id": "adv_action_listing_pm", "params": {"SUBAID": "1000"}},
    ],
    "partner": [{"id": "partner_performance_by_day"}, {"id": "mp_action_listing_fast"}],
    "agency": [{"id": "agency_action_listing"}],
}


def tap_config(
    url: str, options: Options, today: dt.date, accounts: Accounts, vendor: str | None = None
) -> dict[str, Any]:
    """Return a whole tap config for the sandbox at `url`, for one vendor or for all."""
    blocks = _blocks(url, options, accounts)
    wait = max(0.001, options.real(min(5.0, options.delay / 4)))
    polls = {"poll_interval_seconds": wait, "poll_max_interval_seconds": wait * 12}
    start = (today - dt.timedelta(days=START_BEFORE)).isoformat()
    # The tap has a clock of its own: it must not ask for days that are yet to come here.
    end = {"end_date": (options.today - dt.timedelta(days=1)).isoformat()} if options.today else {}
    chosen = blocks if vendor is None else {vendor: blocks[vendor]}
    filled = {name: {**block, **polls} for name, block in chosen.items()}
    return {"start_date": start, **end, **polls, **filled}


def _blocks(url: str, options: Options, accounts: Accounts) -> dict[str, dict[str, Any]]:
    minute = options.sn_requests_per_minute
    return {
        "similarweb": {
            "api_url": url,
            "api_key": accounts.similarweb_key,
            "domains": ["example.com", "example.org"],
            "countries": ["WW", "US"],
            "reports": [
                {"table": "traffic_and_engagement", "granularity": "monthly"},
                {"table": "traffic_and_engagement", "granularity": "daily", "metrics": ["desktop_visits"]},
            ],
        },
        "impact": {
            "api_url": url,
            "account_sid": accounts.impact_sid,
            "auth_token": accounts.impact_word,
            "account_type": options.account_type,
            "reports_per_day": options.reports_per_day,
            "clicks_per_day": options.clicks_per_day,
            "calls_per_hour": options.limit(options.requests_per_hour),
            "reports": copy.deepcopy(REPORTS[options.account_type]),
        },
        "digital_turbine": {
            "api_url": url,
            "client_id": accounts.digital_turbine_id,
            "client_secret": accounts.digital_turbine_word,
            "reports_per_minute": options.limit(options.dt_reports_per_minute),
            "reports_per_day": options.dt_reports_per_day,
        },
        "second_nature": {
            "api_url": f"{url}/api",
            "api_key": accounts.second_nature_key,
            "reports": [{"report_name": "admin-xls-report"}],
            **({"requests_per_minute": options.limit(minute)} if minute else {}),
        },
    }
