"""CSV bytes, cleaned on the way: line breaks of old, NUL characters."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from typing_extensions import override

from tap_reports.exceptions import FileError
from tap_reports.files.streams import BUFFER, Derived
from tap_reports.files.table import MAX_RECORD
from tap_reports.files.text import open_utf8

if TYPE_CHECKING:
    from tap_reports.files.unpack import Member

logger = logging.getLogger("tap-reports")

MAX_HEADER = 1 << 24
"""Bytes."""
NUL_RUN = b"\0" * 4
"""So many at once are a hole in a damaged file."""
MAX_NULS = 1000
MARKED_LINE = b"\n\xef\xbb\xbf"
"""A line that begins with a byte order mark: files were put together, each with its own."""


@dataclass(slots=True)
class CsvText:
    """The text of a CSV file.

    Attributes:
        member: The file.
        has_cr_lines: Its line breaks are carriage returns.
        offset: Bytes before the rows, once that is known.
        end: Where the rows end; None: with the file.
    """

    member: Member
    has_cr_lines: bool = False
    offset: int = 0
    end: int | None = None
    _is_warned: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        """Look for a line break."""
        with closing(open_utf8(self.member)) as stream:
            start = stream.read(BUFFER)
        self.has_cr_lines = b"\r" in start and b"\n" not in start

    def open(self) -> io.BufferedIOBase:
        """Open the text, from its beginning; the caller closes it."""
        return io.BufferedReader(_Cleaned(self, open_utf8(self.member)), BUFFER)

    def open_rows(self) -> io.BufferedIOBase:
        """Open the text behind the header; the caller closes it."""
        stream = self.open()
        stream.read(self.offset)
        return stream if self.end is None else io.BufferedReader(_Limited(stream, self.end), BUFFER)

    def warn(self, nuls: int) -> None:
        """Say once that characters were dropped."""
        if not self._is_warned:
            self._is_warned = True
            logger.warning("%s: %d NUL characters within its text were dropped", self.member.name, nuls)


class _Limited(Derived):
    """The first bytes of a stream."""

    def __init__(self, stream: io.BufferedIOBase, size: int) -> None:
        super().__init__(stream)
        self._left = size

    @override
    def more(self, most: int) -> bytes:
        data = self._stream.read(min(most, self._left)) or b""
        self._left -= len(data)
        return data


class _Cleaned(Derived):
    """A stream without NUL characters and byte order marks, whose lines end with a line feed."""

    def __init__(self, text: CsvText, stream: io.BufferedIOBase) -> None:
        super().__init__(stream)
        self._text = text
        self._last = self._held = b""
        self._nuls = self._count = 0

    @override
    def more(self, most: int) -> bytes:
        while chunk := self._stream.read(BUFFER):
            if found := self._cleaned(chunk):
                return found
        if self._nuls:
            self._text.warn(self._nuls)
        rest, self._held = self._held, b""
        return rest

    def _cleaned(self, chunk: bytes) -> bytes:
        chunk = chunk if self._count else chunk.removeprefix(MARKED_LINE[1:])
        self._count += len(chunk)
        if b"\0" in chunk:
            self._nuls += chunk.count(b"\0")
            if NUL_RUN in self._last + chunk or self._nuls > min(MAX_NULS, 1 + self._count // 10):
                raise FileError(
                    f"{self._text.member.name} is damaged: many NUL characters before byte {self._count:,}.",
                    remedy="If it is text in another encoding, set file.encoding; else run again: it is "
                    "downloaded again.",
                )
        self._last = chunk[1 - len(NUL_RUN) :]
        chunk = chunk.replace(b"\0", b"") if b"\0" in chunk else chunk
        return self._unmarked(chunk.replace(b"\r", b"\n") if self._text.has_cr_lines else chunk)

    def _unmarked(self, chunk: bytes) -> bytes:
        """Return what can be handed on by now."""
        data = self._held + chunk
        held = next((size for size in (3, 2, 1) if data.endswith(MARKED_LINE[:size])), 0)
        self._held = data[len(data) - held :]
        data = data[: len(data) - held]
        # A lone byte is looked for ten times as fast, and hardly any text has this one.
        return data.replace(MARKED_LINE, b"\n") if MARKED_LINE[1:2] in data else data


class Lines:
    """The first lines of a file, kept to be read again with another delimiter."""

    def __init__(self, stream: io.BufferedIOBase, name: str, encoding: str) -> None:
        self._stream = stream
        self.name = name
        self.encoding = encoding
        self._lines: list[bytes] = []
        self.size = 0

    def __iter__(self) -> Iterator[str]:
        for index in count():
            if index == len(self._lines) and not self._more():
                return
            yield self._lines[index].decode(errors="surrogateescape")

    def data(self, lines: int | None = None) -> bytes:
        """Return so many of them, or all, as they are in the file."""
        return b"".join(self._lines[:lines])

    def _more(self) -> bool:
        is_header = not any(line.strip() for line in self._lines)
        most = MAX_HEADER if is_header else MAX_RECORD
        line = self._stream.readline(most)
        self.size += len(line)
        if self.size > MAX_RECORD or len(line) == most:
            part = "the header" if is_header else "one of the first rows"
            raise FileError(
                f"{self.name}: {part} is longer than {most:,} bytes: the file is not CSV.",
                remedy="A quote in it may not be closed, or its delimiter is another one (file.delimiter).",
            )
        if line:
            self._lines.append(line)
        return bool(line)
