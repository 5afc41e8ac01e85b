"""The tables there are: described by the account once a run, else as documented."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping

from tap_reports.exceptions import AccessDenied, BadAnswer, CallError
from tap_reports.http.responses import answer_json
from tap_reports.vendors.similarweb.calls import GONE, Calls, rejection
from tap_reports.vendors.similarweb.describe import tables_of
from tap_reports.vendors.similarweb.documented import DOCUMENTED
from tap_reports.vendors.similarweb.tables import Table

logger = logging.getLogger("tap-reports.similarweb")

WRONG_KEY = 401


class Catalog:
    """Asks describe when the tables are first needed. Used from many threads."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._lock = threading.Lock()
        self._tables: Mapping[str, Table] = {}
        self._denied: AccessDenied | None = None
        self.problem = ""
        """Why describe could not be used; "" if it was."""

    def tables(self) -> Mapping[str, Table]:
        """Return the tables by name.

        Raises:
            AccessDenied: The API key is wrong (401). Any other failure leads to the documented tables.
        """
        with self._lock:
            if not self._tables and not self._denied:
                self._ask()
            if self._denied:
                raise self._denied
            return self._tables

    def _ask(self) -> None:
        try:
            self._tables = self._described()
        except AccessDenied as error:
            if error.status == WRONG_KEY:
                self._denied = error
                return
            self._do_without(error)
        except CallError as error:
            self._do_without(error)

    def _do_without(self, error: CallError) -> None:
        self.problem = str(error)
        self._tables = DOCUMENTED
        logger.warning("Similarweb's describe call failed, the documented tables are used: %s", error)

    def _described(self) -> Mapping[str, Table]:
        what, response = self._calls.first("GET", "describe_path")
        if response.status_code in GONE:
            raise rejection(what, response)
        tables = tables_of(answer_json(response, what))
        if not tables:
            raise BadAnswer(what, "no table is described", status=response.status_code)
        return tables
