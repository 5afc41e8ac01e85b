"""A report's filters, as its metadata lists them: does it take dates, and are its parameters known.

https://integrations.impact.com/impact-brand/reference/retrieve-metadata
The agency API shows names for people (`Start Date`); not every parameter that a report takes is listed.
"""

from __future__ import annotations

import difflib
import logging
from dataclasses import replace

from tap_reports.exceptions import ConfigError
from tap_reports.models import Json, ReportType
from tap_reports.vendors.impact.catalog import listed
from tap_reports.vendors.impact.settings import DATE_PARAMETERS

logger = logging.getLogger("tap-reports.impact")

FLAGS = "SHOW_"
"""Parameters that add columns; the metadata lists none of them."""


def checked(type_: ReportType, metadata: Json) -> ReportType:
    """Return the report type as its filters let it be: a snapshot where they hold no dates.

    Raises:
        ConfigError: A parameter that is nearly the name of a filter: impact.com would ignore it.
    """
    filters = [item for item in listed(metadata.get("Filters")) if isinstance(item, dict)]
    known = [str(item["Name"]) for item in filters if item.get("Name")]
    if not known:
        return type_
    _check_parameters(type_, known)
    dates = [name for name in known if _plain(name) in {"STARTDATE", "ENDDATE"}]
    own = {_plain(name) for name in type_.parameters["date_parameters"]}
    if not type_.dated or own & {_plain(name) for name in known}:
        return type_
    if dates or tuple(type_.parameters["date_parameters"]) != DATE_PARAMETERS:
        logger.warning(
            'Report %s: its metadata lists no filter %s; set "date_parameters" to what it takes%s.',
            type_.report,
            " or ".join(type_.parameters["date_parameters"]),
            f" ({', '.join(dates)})" if dates else ", [] for none",
        )
        return type_
    logger.info("Report %s takes no dates by its metadata, so it is a snapshot.", type_.report)
    return replace(type_, dated=False)


def _check_parameters(type_: ReportType, known: list[str]) -> None:
    by_key = {key_of(name): name for name in known}
    for name in type_.parameters["params"]:
        if key_of(name) in by_key or name.upper().startswith(FLAGS):
            continue
        near = difflib.get_close_matches(name.upper(), list(by_key), n=1, cutoff=0.8)
        if near:
            text = f'impact report "{type_.report}": it has no filter "{name}"; did you mean "{near[0]}"?'
            raise ConfigError([f"{text} Its metadata lists {', '.join(by_key)}."])
        logger.warning(
            'Report %s: its metadata lists no filter "%s", and impact.com ignores unknown ones. Listed: %s.',
            type_.report,
            name,
            ", ".join(by_key),
        )


def key_of(name: str) -> str:
    """Return a filter's name as the query has it."""
    return name.strip().upper().replace(" ", "_")


def _plain(name: str) -> str:
    return key_of(name).replace("_", "")
