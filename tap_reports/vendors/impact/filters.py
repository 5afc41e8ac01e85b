"""A report's filters, as its metadata lists them: does it take dates, and are its parameters known.

https://integrations.impact.com/impact-brand/reference/retrieve-metadata
The agency API shows names for people (`Start Date`); not every parameter that a report takes is listed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

from tap_reports.models import Json, ReportType
from tap_reports.setting import nearest
from tap_reports.vendors.impact.catalog import listed
from tap_reports.vendors.impact.settings import DATE_PARAMETERS

logger = logging.getLogger("tap-reports.impact")

NEAR = 0.8
FLAGS = "SHOW_"
"""Parameters that add columns; the metadata lists none of them."""


def wrong_parameters(type_: ReportType, metadata: Json) -> Iterator[str]:
    """Yield a sentence for each parameter that is nearly a filter's name, which impact.com would ignore.

    Another one that is not listed may exist all the same: it is warned of.
    """
    by_key = {key_of(name): name for name in _listed_filters(metadata)}
    for name in type_.parameters["params"] if by_key else ():
        if key_of(name) in by_key or name.upper().startswith(FLAGS):
            continue
        if near := nearest(name, by_key, NEAR):
            listed_names = ", ".join(by_key)
            yield f'{name}: the report "{type_.report}" has no such filter.{near} It lists {listed_names}.'
            continue
        logger.warning(
            'Report %s: its metadata lists no filter "%s", and impact.com ignores unknown ones. Listed: %s.',
            type_.report,
            name,
            ", ".join(by_key),
        )


def dated_by_filters(type_: ReportType, metadata: Json) -> ReportType:
    """Return the report type as its filters let it be: a snapshot where they hold no dates."""
    known, names = _listed_filters(metadata), type_.parameters["date_parameters"]
    listed_names = {_plain(name) for name in known}
    if not known or not type_.dated or listed_names & {_plain(name) for name in names}:
        return type_
    dates = [name for name in known if _plain(name) in {"STARTDATE", "ENDDATE"}]
    if dates or tuple(names) != DATE_PARAMETERS:
        logger.warning(
            'Report %s: its metadata lists no filter %s; set "date_parameters" to what it takes%s.',
            type_.report,
            " or ".join(names),
            f" ({', '.join(dates)})" if dates else ", [] for none",
        )
        return type_
    logger.info("Report %s takes no dates by its metadata, so it is a snapshot.", type_.report)
    return replace(type_, dated=False)


def _listed_filters(metadata: Json) -> list[str]:
    filters = [item for item in listed(metadata.get("Filters")) if isinstance(item, dict)]
    return [str(item["Name"]) for item in filters if item.get("Name")]


def key_of(name: str) -> str:
    """Return a filter's name as the query has it."""
    return name.strip().upper().replace(" ", "_")


def _plain(name: str) -> str:
    return key_of(name).replace("_", "")
