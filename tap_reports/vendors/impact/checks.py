"""What `--test` finds out about an account, with free calls only."""

from __future__ import annotations

from collections.abc import Iterator

from tap_reports.exceptions import AccessDenied, CallError
from tap_reports.models import Check
from tap_reports.redaction import redact
from tap_reports.vendor import VendorConfig
from tap_reports.vendors.impact.catalog import Catalog, is_accessible
from tap_reports.vendors.impact.reports import report_id, unavailable
from tap_reports.vendors.impact.zones import read_zone

ACCOUNT, REPORTS = "account", "reports"
_UNAUTHORIZED = 401


def check(config: VendorConfig, catalog: Catalog) -> Iterator[Check]:
    """Yield what was found; wrong credentials end it, as every further call would say the same."""
    try:
        yield _account(config, catalog)
        yield from _reports(config, catalog)
    except CallError as error:
        name = ACCOUNT if error.status == _UNAUTHORIZED else REPORTS
        yield Check.of(name, error)


def _account(config: VendorConfig, catalog: Catalog) -> Check:
    try:
        zone = redact(catalog.timezone())
    except AccessDenied as error:
        if error.status == _UNAUTHORIZED:
            raise
        if "timezone" in config.values:
            return Check(
                name=ACCOUNT, ok=True, detail='CompanyInformation is not allowed, "timezone" is set.'
            )
        return Check(name=ACCOUNT, ok=False, detail=f'{error}. Allow CompanyInformation or set "timezone".')
    except CallError as error:
        return Check.of(ACCOUNT, error)
    if "timezone" in config.values:
        return Check(name=ACCOUNT, ok=True, detail=f"time zone {config.values['timezone']} (setting)")
    unread = f'time zone UTC, as "{zone}" is not one; set "timezone"'
    known = f"time zone {zone}" if read_zone(zone) else unread
    return Check(name=ACCOUNT, ok=True, detail=known)


def _reports(config: VendorConfig, catalog: Catalog) -> Iterator[Check]:
    entries = catalog.reports()
    count = sum(map(is_accessible, entries.values()))
    yield Check(name=REPORTS, ok=True, detail=f"{count} of {len(entries)} can be run by API")
    for report in config.reports or ():
        wrong = unavailable(report, entries)
        yield Check(name=report_id(report), ok=not wrong, detail=wrong)
