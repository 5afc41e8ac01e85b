"""JSON bytes, value by value: the end of each is found before it is decoded, so memory is bounded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from tap_reports.exceptions import FileError
from tap_reports.files.json_values import NOT_JSON, decode
from tap_reports.files.table import MAX_RECORD
from tap_reports.files.text import not_text, shown

if TYPE_CHECKING:
    import io

MAX_DEPTH = 200
"""Nested arrays and objects. The compiled module has the same bound."""

EXCERPT = 40
"""Bytes that an error shows."""
OTHER = "If the vendor writes its JSON so, running again does not help: ask for CSV, if it offers that."

_BLANKS = re.compile(rb"[ \t\r\n]*")
_LITERAL = re.compile(rb'[^ \t\r\n,:\[\]{}"]*')
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|["\[\]{}]', re.DOTALL)


class Cursor:
    """A position in a JSON file.

    Args:
        open_: Opens the file: UTF-8.
        name: The file's, for messages.
        size: Bytes to read at once.
        encoding: What the file is written in, for messages.

    Attributes:
        data: The bytes at hand.
        at: The position in them.
        where: What is being read, for messages.
    """

    def __init__(
        self, open_: Callable[[], io.BufferedIOBase], name: str, size: int, encoding: str = "utf-8"
    ) -> None:
        self.data = b""
        self.at = 0
        self.name = name
        self.where = ""
        self._encoding = encoding
        self._size = size
        self._before = 0
        self._open = open_
        self._stream = open_()

    @property
    def position(self) -> int:
        """The position in the file, in bytes of UTF-8 without byte order mark."""
        return self._before + self.at

    def restart(self) -> None:
        """Go back to the start of the file."""
        self.close()
        self.data, self.at, self._before = b"", 0, 0
        self._stream = self._open()

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def more(self) -> bool:
        """Read on; False at the end of the file."""
        rest = self.data[self.at :]
        if len(rest) > MAX_RECORD:
            self.fail(f"a value is longer than {MAX_RECORD:,} bytes")
        chunk = self._stream.read(max(self._size, len(rest)))
        self._before += self.at
        self.data, self.at = rest + chunk, 0
        return bool(chunk)

    def peek(self) -> bytes:
        """Go to the next byte that is not blank and return it; b"" at the end of the file."""
        while True:
            self.at = _end(_BLANKS, self.data, self.at)
            if self.at < len(self.data):
                return self.data[self.at : self.at + 1]
            if not self.more():
                return b""

    def take(self, wanted: bytes) -> None:
        """Move past the next byte that is not blank, which must be this one."""
        if self.peek() != wanted:
            self.unexpected()
        self.at += 1

    def raw(self) -> bytes:
        """Move past the next value and return its bytes."""
        self.peek()
        while True:
            end = _end_of_value(self.data, self.at)
            if end is not None and (end < len(self.data) or self.data[end - 1 : end] in {b'"', b"]", b"}"}):
                break
            if not self.more():
                if end is not None and end > self.at:  # a literal
                    break
                self.truncated()
        value = self.data[self.at : end]
        self.at = end
        return value

    def value(self) -> Any:
        """Move past the next value and return it."""
        raw = self.raw()
        try:
            return decode(raw)
        except UnicodeDecodeError:
            raise not_text(self._place, raw, self._encoding) from None
        except NOT_JSON as error:
            before = len(raw.decode()[: getattr(error, "pos", 0)].encode())
            self.at += before - len(raw)
            self.fail(f'{getattr(error, "msg", error)}, at "{_shown(raw[before:])}"')

    def members(self) -> Iterator[str]:
        """Yield the keys of the next object; the caller moves past each value."""
        for _ in self._listed(b"{", b"}"):
            if self.peek() != b'"':
                self.unexpected()
            key: str = self.value()
            self.take(b":")
            yield key

    def elements(self) -> Iterator[None]:
        """Stop at each element of the next array; the caller moves past it."""
        return self._listed(b"[", b"]")

    def _listed(self, begin: bytes, end: bytes) -> Iterator[None]:
        self.take(begin)
        if self.peek() == end:
            self.at += 1
            return
        while True:
            yield
            if self.peek() != b",":
                self.take(end)
                return
            self.at += 1

    def unexpected(self) -> NoReturn:
        """Report what is there instead of what JSON needs.

        Raises:
            FileError: Always.
        """
        if not self.peek():
            self.truncated()
        while len(self.data) - self.at < EXCERPT and self.more():
            pass
        self.fail(f'unexpected "{_shown(self.data[self.at :])}"')

    def truncated(self) -> NoReturn:
        """Report that the file ends too early.

        Raises:
            FileError: Always.
        """
        begins = _shown(self.data[self.at :])
        within = f', within "{begins}"' if begins else ""
        end = self._before + len(self.data)
        raise FileError(f"{self._place} is truncated: it ends at byte {end:,}{within}.")

    def fail(self, reason: str) -> NoReturn:
        """Report why the file is not JSON.

        Raises:
            FileError: Always.
        """
        cause = f"{self._place} is not valid JSON at byte {self.position + 1:,}: {reason}."
        raise FileError(cause, remedy=OTHER)

    @property
    def _place(self) -> str:
        return f"{self.name}: {self.where}" if self.where else self.name


def _shown(data: bytes) -> str:
    return shown(data[:EXCERPT].decode(errors="replace"))


def _end(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    match = pattern.match(data, at)
    return match.end() if match else at


def _end_of_value(data: bytes, at: int) -> int | None:
    """Return what follows the value at `at`; None if the data ends before it does."""
    if data[at : at + 1] not in {b'"', b"[", b"{"}:
        return _end(_LITERAL, data, at)
    depth = 0
    for token in _TOKEN.finditer(data, at):
        match token[0]:
            case b'"':
                return None
            case b"[" | b"{":
                depth += 1
                if depth > MAX_DEPTH:
                    raise FileError(f"The JSON is nested deeper than {MAX_DEPTH} levels, as no report is.")
            case b"]" | b"}":
                depth -= 1
        if depth <= 0:
            return token.end()
    return None
