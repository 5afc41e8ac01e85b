"""target-duckdb 0.8.0, which loads every row, and keeps dates and exact numbers.

- It loads each batch from a CSV file without a header and lets DuckDB guess whether there is one. DuckDB
  sometimes takes the first row for it, and the row is gone (https://github.com/jwills/target-duckdb/pull/58).
- It reads numbers as binary floats and stores them as double, and dates as text.
"""

from __future__ import annotations

import functools
import json
import sys
import types
from decimal import Decimal
from typing import Any

import target_duckdb
from target_duckdb import db_sync

GUESSED = "WITH (new_line"
SAID = "WITH (header false, new_line"
TYPES = {("string", "date"): "date", ("number", None): "decimal(38,10)"}
connect = target_duckdb.duckdb_connect
its_column_type = db_sync.column_type


def column_type(schema: dict[str, Any]) -> str:
    """Return the type of a property's column."""
    kinds = [kind for kind in schema["type"] if kind != "null"]
    known = TYPES.get((kinds[0], schema.get("format"))) if len(kinds) == 1 else None
    return known or str(its_column_type(schema))


class Connection:
    """A DuckDB connection that says that the files have no header."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def execute(self, query: str, *arguments: Any) -> Any:
        """Run a query."""
        said = query.replace(GUESSED, SAID) if query.startswith("COPY ") else query
        return self._connection.execute(said, *arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def main() -> None:
    """Run the target."""
    target_duckdb.duckdb_connect = lambda config: Connection(connect(config))
    target_duckdb.json = types.SimpleNamespace(
        **{**vars(json), "loads": functools.partial(json.loads, parse_float=Decimal)}
    )
    db_sync.column_type = column_type
    sys.exit(target_duckdb.main())
