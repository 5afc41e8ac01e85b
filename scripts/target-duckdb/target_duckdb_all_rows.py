"""target-duckdb 0.8.0 with the one repair that its next release has.

It loads each batch from a CSV file without a header and lets DuckDB guess whether there is one; DuckDB
sometimes takes the first row for it, and the row is gone (https://github.com/jwills/target-duckdb/pull/58).
"""

from __future__ import annotations

import sys
from typing import Any

import target_duckdb

GUESSED = "WITH (new_line"
SAID = "WITH (header false, new_line"
connect = target_duckdb.duckdb_connect


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
    sys.exit(target_duckdb.main())
