"""Shows what is in the quick start's DuckDB file: `python warehouse.py FILE "SELECT …"`. Needs duckdb."""

from __future__ import annotations

import json
import shutil
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
            return 0
        connection.sql("SET search_path = 'tap_reports'")
        try:
            answer = connection.sql(rest[0])
        except duckdb.Error as error:
            print(str(error).partition("\n")[0], file=sys.stderr)
            return 1
        if answer is not None:
            show(answer, rest[0])
    return 0


def show(answer: duckdb.DuckDBPyRelation, sql: str) -> None:
    """Print an answer; the columns that the tap adds (`_report_…`) only where the query names them."""
    names = answer.columns
    data = [name for name in names if not name.startswith("_") or name in sql]
    if len(set(names)) == len(names) and data:
        answer = answer.select(*(duckdb.ColumnExpression(name) for name in data))
    answer.show(max_width=shutil.get_terminal_size((160, 24)).columns, max_rows=40)
    if left_out := [name for name in names if name not in answer.columns]:
        print(f"not shown: {', '.join(left_out)}")


if __name__ == "__main__":
    sys.exit(main())
