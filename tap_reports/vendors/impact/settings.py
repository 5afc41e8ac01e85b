"""The settings of the impact block, what can be wrong with them, and the quotas they set."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

from singer_sdk import typing as th

from tap_reports.models import DAY_SECONDS, Json, Quota
from tap_reports.models.columns import property_name
from tap_reports.setting import POSITIVE, TEXT, TEXTS, setting
from tap_reports.vendor import VendorConfig
from tap_reports.vendors.impact.zones import read_zone

BRAND, PARTNER, AGENCY = "brand", "partner", "agency"
DATE_PARAMETERS = ("START_DATE", "END_DATE")
DATE_FORMAT = "%Y-%m-%d"
QUOTAS = {"report": "reports_per_day", "click": "clicks_per_day"}
"""What a submission counts as -> the setting of its quota."""
RESULT_FORMAT = "ResultFormat"
CLICK_FILTER_ACCOUNTS = {"media_ids": BRAND, "sub_ids": PARTNER}
"""Click filters that only one type of account has."""
_IDS = {"type": "array", "items": {"type": ["string", "integer"]}}
_DATE_SETTINGS = ("date_format", "slice_days", "lookback_days", "replication_key")

ID = th.CustomType({"type": ["string", "integer"]})
CLICKS = th.CustomType(
    {
        "type": ["boolean", "object"],
        "properties": {
            **dict.fromkeys(("program_ids", "ad_ids", "media_ids", "sub_ids"), _IDS),
            "unique_click": {"type": "boolean"},
        },
        "additionalProperties": False,
    }
)
SETTINGS = (
    setting("account_sid", TEXT, "User name of the API, from Settings > API of the account.", required=True),
    setting(
        "auth_token",
        TEXT,
        "Password of the API. A scoped token must be allowed to read reports and jobs.",
        required=True,
        secret=True,
    ),
    setting(
        "account_type",
        TEXT,
        "Which of impact.com's APIs the account belongs to.",
        required=True,
        words=[BRAND, PARTNER, AGENCY],
    ),
    setting("api_version", ID, "Sent as `IR-Version`. Default: the version pinned to the token."),
    setting(
        "timezone",
        TEXT,
        "The account's time zone: an IANA name, or the display form `(GMT -06:00) …`, read as that fixed "
        "offset. Default: what CompanyInformation says, else UTC.",
    ),
    setting(
        "result_format",
        TEXT,
        "Format of the files that are downloaded.",
        default="csv",
        words=["csv", "json"],
    ),
    setting(
        "reports_per_day",
        POSITIVE,
        "Most ReportExport submissions of the account in one UTC day.",
        default=100,
    ),
    setting(
        "clicks_per_day",
        POSITIVE,
        "Most ClickExport submissions of the account in one UTC day.",
        default=10,
    ),
    setting(
        "calls_per_hour",
        POSITIVE,
        "Most API calls of any kind in an hour; polls are spread to stay below it. The vendor's rate limit "
        "headers are heeded too.",
        default=1000,
    ),
    setting(
        "clicks",
        CLICKS,
        '`true` or `{"program_ids": […]}` adds the stream `impact_clicks`, one job per day and program. A '
        "brand account must name its programs. Further filters: `ad_ids`, `media_ids` (brand), `sub_ids` "
        "(partner), `unique_click`.",
    ),
)
REPORT_SETTINGS = (
    setting("id", ID, "The report's handle, such as `mp_action_listing_fast`, or number.", required=True),
    setting(
        "params",
        th.ObjectType(),
        "Further query parameters: filters such as `SUBAID`, flags such as `SHOW_SKU`. A list repeats the "
        "parameter.",
    ),
    setting(
        "date_parameters",
        TEXTS,
        "Names of the parameters for the first and the last day. `[]`: the report takes no dates, so it is a "
        "snapshot.",
        default=list(DATE_PARAMETERS),
    ),
    setting(
        "date_format",
        TEXT,
        "How the two days are written (strftime). With a time of day in it, the first day is written at "
        "00:00:00 and the last one at 23:59:59, in the account's zone, or in UTC where it ends with `Z`.",
        default=DATE_FORMAT,
    ),
)


def check_block(block: Json) -> Iterator[str]:
    """Yield what is wrong with a block that fits the schema."""
    if "timezone" in block and read_zone(block["timezone"]) is None:
        yield (
            f'timezone: "{block["timezone"]}" is not a time zone; use an IANA name such as "America/Chicago" '
            'or the display form "(GMT -06:00) …".'
        )
    clicks = has_clicks(block)
    for name, kind in CLICK_FILTER_ACCOUNTS.items():
        if clicks and name in click_settings(block) and block["account_type"] != kind:
            yield f"clicks.{name}: only a {kind} account's ClickExport has this filter; remove it."
    if clicks and block["account_type"] == AGENCY:
        yield 'clicks: an agency account has no ClickExport; remove "clicks".'
    if clicks and block["account_type"] == BRAND and not program_ids(block):
        yield 'clicks: a brand account must name its programs: {"program_ids": ["…"]}.'
    for index, report in enumerate(block.get("reports") or ()):
        yield from (f"reports[{index}].{text}" for text in _report_errors(report))
        if clicks and property_name(str(report.get("name") or report["id"])) == "clicks":
            yield f'reports[{index}].name: "clicks" is the stream of the click export; choose another name.'


def is_dated(report: Json) -> bool:
    """Return whether a report's settings give it dates."""
    return report.get("date_parameters") != []


def _report_errors(report: Json) -> Iterator[str]:
    names = report.get("date_parameters", DATE_PARAMETERS)
    if not is_dated(report):
        for name in _DATE_SETTINGS:
            if report.get(name) not in (None, DATE_FORMAT):
                yield (
                    f'{name}: a report with "date_parameters": [] is a snapshot, which has no dates; remove '
                    f"{name}, or name the date parameters."
                )
    elif len(names) != 2 or not all(names) or names[0] == names[1]:
        yield (
            "date_parameters: must be two different names, for the first and the last day, such as "
            '["START_DATE", "END_DATE"], or [] for a report that takes no dates.'
        )
    date_format = report.get("date_format", DATE_FORMAT)
    if not _writes_days(date_format):
        yield f'date_format: "{date_format}" does not write a day as strftime does; use such as "%Y-%m-%d".'
    for name, value in (report.get("params") or {}).items():
        if name in names:
            yield f'params.{name}: the tap sets it for each slice; remove it, or change "date_parameters".'
        elif name.lower() == RESULT_FORMAT.lower():
            yield f'params.{name}: use the setting "result_format" of the block.'
        elif not all(isinstance(item, str | int | float) for item in as_list(value)):
            yield f"params.{name}: must be a text, a number, true, false, or a list of these."


def _writes_days(date_format: str) -> bool:
    """Return whether strftime writes different days differently and understands all of the format."""
    days = [
        dt.datetime(*day, tzinfo=dt.UTC) for day in ((2025, 1, 2), (2026, 1, 2), (2026, 2, 2), (2026, 1, 3))
    ]
    try:
        texts = {day.strftime(date_format) for day in days}
    except ValueError:
        return False
    return len(texts) == len(days) and not any("%" in text for text in texts)


def as_list(value: Any) -> Sequence[Any]:
    """Return the values of a parameter, which may be one or a list."""
    return value if isinstance(value, list | tuple) else [value]


def has_clicks(block: Json) -> bool:
    """Return whether the click stream is wanted."""
    return block.get("clicks", False) is not False


def click_settings(block: Json) -> Json:
    """Return the settings in `clicks`; {} if it is only true or false."""
    clicks = block.get("clicks")
    return clicks if isinstance(clicks, dict) else {}


def program_ids(block: Json) -> tuple[str, ...]:
    """Return the programs whose clicks are wanted, each once; () for all."""
    named = click_settings(block).get("program_ids") or ()
    return tuple(dict.fromkeys(str(program) for program in named))


def quotas(config: VendorConfig) -> tuple[Quota, ...]:
    """Return the vendor's day quotas on submissions."""
    return tuple(
        Quota(name=name, limit=config.values[name], seconds=DAY_SECONDS, counts=counts)
        for counts, name in QUOTAS.items()
    )
