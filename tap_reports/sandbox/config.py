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
    url: str,
    options: Options,
    start_date: str,
    vendor: str | None = None,
    accounts: Accounts | None = None,
) -> dict[str, Any]:
    """Return a whole tap config for the sandbox at `url`, for one vendor or for all."""
    blocks = {
        "similarweb": _similarweb,
        "impact": _impact,
        "digital_turbine": _digital_turbine,
        "second_nature": _second_nature,
    }
    chosen = blocks if vendor is None else {vendor: blocks[vendor]}
    wait = max(0.001, options.real(min(5.0, options.delay / 4)))
    polls = {"poll_interval_seconds": wait, "poll_max_interval_seconds": wait * 12}
    # The tap has a clock of its own: it must not ask for days that are yet to come here.
    end = {"end_date": (options.today - dt.timedelta(days=1)).isoformat()} if options.today else {}
    filled = {
        name: {**block(url, options, accounts or Accounts()), **polls} for name, block in chosen.items()
    }
    return {"start_date": start_date, **end, **polls, **filled}


def _similarweb(url: str, _: Options, accounts: Accounts) -> dict[str, Any]:
    return {
        "api_url": url,
        "api_key": accounts.similarweb_key,
        "domains": ["example.com", "example.org"],
        "countries": ["WW", "US"],
        "reports": [
            {"table": "traffic_and_engagement", "granularity": "monthly"},
            {"table": "traffic_and_engagement", "granularity": "daily", "metrics": ["desktop_visits"]},
        ],
    }


def _impact(url: str, options: Options, accounts: Accounts) -> dict[str, Any]:
    return {
        "api_url": url,
        "account_sid": accounts.impact_sid,
        "auth_token": accounts.impact_word,
        "account_type": options.account_type,
        "reports_per_day": options.reports_per_day,
        "clicks_per_day": options.clicks_per_day,
        "calls_per_hour": options.limit(options.requests_per_hour),
        "reports": copy.deepcopy(REPORTS[options.account_type]),
    }


def _digital_turbine(url: str, options: Options, accounts: Accounts) -> dict[str, Any]:
    return {
        "api_url": url,
        "client_id": accounts.digital_turbine_id,
        "client_secret": accounts.digital_turbine_word,
        "reports_per_minute": options.limit(options.dt_reports_per_minute),
        "reports_per_day": options.dt_reports_per_day,
    }


def _second_nature(url: str, options: Options, accounts: Accounts) -> dict[str, Any]:
    block: dict[str, Any] = {
        "api_url": f"{url}/api",
        "api_key": accounts.second_nature_key,
        "reports": [{"report_name": "admin-xls-report"}],
    }
    if options.sn_requests_per_minute:
        block["requests_per_minute"] = options.limit(options.sn_requests_per_minute)
    return block
