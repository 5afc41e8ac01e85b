"""CSV bytes -> blocks that end where a record ends, quickly; exactly so for properly quoted records."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from tap_reports.files.blocks import blocks
from tap_reports.files.csv_ import block_rows
from tap_reports.files.table import Cut

if TYPE_CHECKING:
    from tap_reports.emit.rows import Row
    from tap_reports.files.table import CsvTable

LONGEST = 8
"""So many blocks without a record's end in sight, and the quotes are not to be trusted."""


class CsvBlocks:
    """The blocks of a CSV table, of about `size` bytes each."""

    def __init__(self, table: CsvTable, size: int) -> None:
        self._table = table
        self._size = size

    def cuts(self, offset: int | None = None) -> Iterator[Cut]:
        """Yield blocks of whole records; from an offset on: exactly cut ones.

        A line break behind an even number of quotes ends a record, if each quote opens or closes a cell or is
        doubled. Whether they do is for whoever parses the blocks to check: the first block that is not
        well-formed may end anywhere.
        """
        if offset is not None:
            yield from self._exactly(offset)
            return
        offset = 0
        with closing(self._table.open_text()) as stream:
            rest = b""
            while chunk := stream.read(self._size):
                data = rest + chunk
                end = _last_end(data)
                if end:
                    yield Cut(data[:end], offset, b'"' not in data)
                elif len(data) > LONGEST * self._size:
                    break
                offset += end
                rest = data[end:]
            else:
                if rest:
                    yield Cut(rest, offset, b'"' not in rest)
                return
        yield from self._exactly(offset)

    def rows_of(self, block: bytes, start: int) -> Iterator[Row]:
        """Return the rows of a block, read in Python; `start` is the number of table rows before them."""
        return block_rows(self._table, block, start + 1)

    def _exactly(self, offset: int) -> Iterator[Cut]:
        """Yield the blocks from an offset on, cut with a closer look."""

        def open_text() -> io.BufferedIOBase:
            stream = self._table.open_text()
            skipped = offset
            while skipped:
                skipped -= len(stream.read(min(skipped, 1 << 20))) or skipped
            return stream

        for data in blocks(replace(self._table, open_text=open_text), self._size):
            yield Cut(data, offset, is_exact=True)
            offset += len(data)


def _last_end(data: bytes) -> int:
    end = data.rfind(b"\n") + 1
    is_quoted = data.count(b'"', 0, end) % 2
    while end and is_quoted:
        before = data.rfind(b"\n", 0, end - 1) + 1
        is_quoted ^= data.count(b'"', before, end) % 2
        end = before
    return end
