"""Lines of CSV -> records, read strictly, without blanks before a quoted cell; the first lines of a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import chain, count
from typing import NamedTuple

from tap_reports.exceptions import FileError
from tap_reports.files.table import MAX_RECORD

MAX_HEADER = 1 << 24
"""Bytes."""

csv.field_size_limit(MAX_RECORD)  # the module's own limit, 128 KiB, is one of the process, and too low


def records_of(text: str, lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    """Return the records of a text that was divided into lines; where it can, by the csv module alone."""
    if _may_have_blank_before_quote(text, delimiter):
        return Records(lines, delimiter)
    return csv.reader(lines, delimiter=delimiter, strict=True)


def _may_have_blank_before_quote(text: str, delimiter: str) -> bool:
    at = text.find(' "')
    while at >= 0:
        before = at
        while before and text[before - 1] == " ":
            before -= 1
        if not before or text[before - 1] in {delimiter, "\n"}:
            return True
        at = text.find(' "', at + 1)
    return False


class Records:
    """The records of lines, as the csv module reads them strictly, without blanks before a quoted cell.

    Attributes:
        lines: How many lines the records so far had.
    """

    def __init__(self, lines: Iterable[str], delimiter: str) -> None:
        self.lines = 0
        self._taken: list[str] = []
        self._source = self._noted(lines)
        self._delimiter = delimiter
        self._reader = csv.reader(self._source, delimiter=delimiter, strict=True)

    def __iter__(self) -> Iterator[list[str]]:
        return self

    def __next__(self) -> list[str]:
        self._taken.clear()
        cells = next(self._reader)
        if _has_blank_before_quote(cells):
            lines = chain(list(self._taken), self._source)
            again = next(csv.reader(lines, delimiter=self._delimiter, strict=True, skipinitialspace=True))
            # A cell that still begins so is quoted itself.
            cells = cells if _has_blank_before_quote(again) else again
        return cells

    def _noted(self, lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            self.lines += 1
            self._taken.append(line)
            yield line


def readable(error: str) -> str:
    """Return what the csv module says of a record, for people."""
    return "it holds a carriage return" if "new-line" in error else error


def _has_blank_before_quote(cells: list[str]) -> bool:
    return any(cell[:1] == " " and cell.lstrip(" ")[:1] == '"' for cell in cells)


class FirstLines:
    """The first lines of a file, kept to be read again with another delimiter."""

    def __init__(self, stream: io.BufferedIOBase, name: str, encoding: str) -> None:
        self._stream = stream
        self.name = name
        self.encoding = encoding
        self._lines: list[bytes] = []
        self.size = 0

    def __iter__(self) -> Iterator[str]:
        for index in count():
            if index == len(self._lines) and not self._read():
                return
            yield self._lines[index].decode(errors="surrogateescape")

    def data(self, lines: int | None = None) -> bytes:
        """Return so many of them, or all, as they are in the file."""
        return b"".join(self._lines[:lines])

    def _read(self) -> bool:
        is_header = not any(line.strip() for line in self._lines)
        limit = MAX_HEADER if is_header else MAX_RECORD
        line = self._stream.readline(limit)
        self.size += len(line)
        if self.size > MAX_RECORD or len(line) == limit:
            part = "the header" if is_header else "one of the first rows"
            raise FileError(
                f"{self.name}: {part} is longer than {limit:,} bytes: the file is not CSV.",
                remedy="A quote in it may not be closed, or its delimiter is another one (file.delimiter).",
            )
        if line:
            self._lines.append(line)
        return bool(line)


class Row(NamedTuple):
    """One row at the beginning of a file.

    Attributes:
        cells: Its cells.
        line: Number of its first line in the file, from 1.
        lines: Number of lines to its end.
        follows_blank_line: A blank line stands before it.
    """

    cells: list[str]
    line: int
    lines: int
    follows_blank_line: bool
