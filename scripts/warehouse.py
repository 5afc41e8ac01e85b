"""Shows what is in the quick start's DuckDB file: `python warehouse.py FILE "SELECT …"`. Needs duckdb."""

from __future__ import annotations

import json
import sys
from typing import Any

import duckdb

SYSTEM_SCHEMAS = ("information_schema", "pg_catalog")


def tables(connection: duckdb.DuckDBPyConnection, days: dict[str, str]) -> list[dict[str, Any]]:
    """Return each table with its rows, first and last day (None for a snapshot).

    Args:
        connection: The file.
        days: Table name -> its date column, for those that have one.
    """
    found = connection.execute(
        "SELECT table_schema, table_name FROM information_schema.tables "
        "WHERE table_schema NOT IN (SELECT unnest(?)) ORDER BY ALL",
        [list(SYSTEM_SCHEMAS)],
    ).fetchall()
    return [_table(connection, schema, name, days.get(name)) for schema, name in found]


def _table(connection: duckdb.DuckDBPyConnection, schema: str, name: str, day: str | None) -> dict[str, Any]:
    # The target keeps a date as text, YYYY-MM-DD.
    ends = f'left(min("{day}")::TEXT, 10), left(max("{day}")::TEXT, 10)' if day else "NULL, NULL"
    answer = connection.execute(f'FROM "{schema}"."{name}" SELECT count(*), {ends}').fetchone()
    rows, first_day, last_day = answer or (0, None, None)
    return {"table": name, "rows": rows, "first_day": first_day, "last_day": last_day}


def main() -> int:
    """Print the tables as JSON (`--tables` and the date columns as JSON), or a query's answer as a table."""
    path, *rest = sys.argv[1:]
    with duckdb.connect(path, read_only=True) as connection:
        if rest[0] == "--tables":
            print(json.dumps(tables(connection, json.loads(rest[1]))))
        else:
            connection.sql("SET search_path = 'tap_reports'")
            connection.sql(rest[0]).show(max_width=160)
    return 0


if __name__ == "__main__":
    sys.exit(main())
