"""The vendor's catalogue: which reports there are, and their metadata. Free calls."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

from tap_reports.exceptions import BadAnswer, CallRejected
from tap_reports.http.api import ApiSession
from tap_reports.http.responses import answer_json
from tap_reports.models import Json
from tap_reports.vendors.impact.jobs import error_text, whole_number

logger = logging.getLogger("tap-reports.impact")

NOT_FOR_US = frozenset({403, 404})


class Catalog:
    """Reads the catalogue of one account.

    Args:
        api: The account's session.
        prefix: Path of the account.
    """

    def __init__(self, api: ApiSession, prefix: str) -> None:
        self._api = api
        self._prefix = prefix

    def reports(self) -> dict[str, Json]:
        """Return all reports that have an id, by id, those that the API can't run included.

        Raises:
            CallError: The list can't be read.
        """
        return {str(entry["Id"]): entry for entry in self._entries() if entry.get("Id")}

    def metadata(self, entry: Json) -> Json:
        """Return a report's metadata; {}, with a warning, if this account may not read it."""
        path = (
            entry.get("MetaDataUri") or f"{self._prefix}/Reports/{quote(str(entry['Id']), safe='')}/MetaData"
        )
        try:
            return self._read(str(path))
        except CallRejected as error:
            if error.status not in NOT_FOR_US:
                raise
            logger.warning("Report %s: its columns are taken from its files, as %s", entry["Id"], error)
            return {}

    def timezone(self) -> str:
        """Return the account's time zone in display form (`(GMT -06:00) …`), "" if it has none."""
        return str(self._read(f"{self._prefix}/CompanyInformation").get("Timezone") or "")

    def _entries(self) -> Iterator[Json]:
        """Yield the reports of all pages. The agency API is documented to answer a bare array."""
        first = path = f"{self._prefix}/Reports"
        seen = set[str]()
        while path and path not in seen:
            seen.add(path)
            answer = self._read(path)
            if "Reports" not in answer:
                raise BadAnswer(self._api.shown("GET", path), "no Reports came", status=200)
            yield from (entry for entry in listed(answer["Reports"]) if isinstance(entry, dict))
            is_last = len(seen) >= (whole_number(answer.get("@numpages")) or 1)
            path = str(answer.get("@nextpageuri") or ("" if is_last else f"{first}?Page={len(seen) + 1}"))

    def _read(self, path: str) -> dict[str, Any]:
        """Return an answer's object; an array is returned as `Reports`."""
        path = from_base(self._api.base_url, path)
        what = self._api.shown("GET", path)
        answer = answer_json(self._api.call("GET", path), what)
        if isinstance(answer, list):
            return {"Reports": answer}
        if not isinstance(answer, dict):
            raise BadAnswer(what, "neither an object nor an array came", status=200)
        if str(answer.get("Status")).upper() == "ERROR":
            raise CallRejected(what, error_text(answer), status=200)
        return answer


def is_accessible(entry: Json) -> bool:
    """Return whether the API can run a report of the list; where the list does not say, it may be tried."""
    return str(entry.get("ApiAccessible", True)).strip().lower() == "true"


def listed(value: Any) -> list[Any]:
    """Return a list, of which an empty one may come as null, `{}` or `[]`."""
    if isinstance(value, dict):
        return [value] if value else []
    return list(value) if isinstance(value, list) else []


def from_base(base_url: str, uri: str) -> str:
    """Return a link of an answer as a path below the base URL. They are relative to the host."""
    base_path = urlsplit(base_url).path.rstrip("/")
    return uri.removeprefix(base_path) if base_path and uri.startswith(f"{base_path}/") else uri
