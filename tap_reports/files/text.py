"""Bytes of a text file -> clean UTF-8, and how a file begins, for messages."""

from __future__ import annotations

import codecs
import io
import logging
import re
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from typing_extensions import override

from tap_reports.exceptions import FileError
from tap_reports.files.streams import BUFFER, Derived
from tap_reports.redaction import redact

if TYPE_CHECKING:
    from tap_reports.files.unpack import Member

logger = logging.getLogger("tap-reports")

MAX_SHOWN = 200
"""Characters of a file that a message shows."""
NUL_RUN = b"\0" * 4
"""This many NUL characters in a row are a hole in a damaged file."""
MAX_NULS = 1000
MARKED_LINE = b"\n\xef\xbb\xbf"
"""A line that begins with a byte order mark: files were put together, each with its own."""

_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32-le",  # before UTF-16, whose mark is its first half
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
    codecs.BOM_UTF8: "utf-8",
}
_KANA, _CYRILLIC = re.compile("[\u3040-\u30ff]"), re.compile("[\u0430-\u044f]")


def shown(text: str, limit: int = MAX_SHOWN) -> str:
    """Return how a text begins, for a message: one line, redacted, printable, cut to `limit` characters."""
    start = redact(text[: 1 << 16])  # far beyond what is shown: a secret that is cut would not be found
    line = " ".join("".join(char if char.isprintable() else " " for char in start).split())
    return line if len(line) <= limit else f"{line[:limit]}..."


def beginning(member: Member) -> str:
    """Return the first characters of a text file, without byte order mark and white space before them."""
    encoding, mark = encoding_of(member)
    return member.head[mark:].decode(encoding, errors="replace").lstrip()


def is_blank(member: Member) -> bool:
    """Return whether a text file holds nothing but white space, or nothing at all."""
    with open_utf8(member) as stream:
        return not any(piece.strip() for piece in iter(lambda: stream.read(BUFFER), b""))


def encoding_of(member: Member) -> tuple[str, int]:
    """Return a file's encoding and the size of its byte order mark: by that mark, the setting, or where every
    second byte is NUL, as in UTF-16; else UTF-8.
    """
    for mark, encoding in _MARKS.items():
        if member.head.startswith(mark):
            return encoding, len(mark)
    if member.encoding:
        return codecs.lookup(member.encoding).name, 0
    first, second = member.head[::2], member.head[1::2]
    for encoding, letters, zeros in (("utf-16-le", first, second), ("utf-16-be", second, first)):
        if b"\0" in zeros and b"\0" not in letters and zeros.count(b"\0") * 2 > len(zeros):
            return encoding, 0
    return "utf-8", 0


def open_utf8(member: Member) -> io.BufferedIOBase:
    """Open a text file as UTF-8 without byte order mark; the caller closes it.

    Bytes that are not text come through as bytes that are not UTF-8, so that there is one place
    to find them: where rows are counted.
    """
    encoding, mark = encoding_of(member)
    stream = member.open()
    stream.read(mark)
    if encoding in {"utf-8", "utf-8-sig", "ascii"}:
        return stream
    return io.BufferedReader(_Transcoded(stream, encoding), BUFFER)


def not_text(what: str, data: bytes, encoding: str) -> FileError:
    """Return the error of bytes that are not text.

    Args:
        what: File and row, for messages.
        data: The bytes, and what is around them.
        encoding: What they were read as.
    """
    likely = _likely_encoding(data) if encoding == "utf-8" else None
    guess = f'; it looks like "{likely}"' if likely else ""
    return FileError(
        f"{what} holds bytes that are not {encoding.upper()} text{guess}.",
        remedy=f"Set file.encoding{f' to {likely}, if that is right' if likely else ''}; "
        "if it is set rightly, the file is damaged.",
    )


def _likely_encoding(data: bytes) -> str | None:
    """Return the most likely encoding of bytes that are not UTF-8; None if nothing points to one."""
    for encoding in ("shift_jis", "cp932"):
        if _share(_KANA, _decoded(data, encoding)) > 0.15:
            return encoding
    runs = re.findall(rb"[\x80-\xff]+", data)
    # Western letters beyond ASCII stand alone; in other scripts they stand together.
    if sum(map(len, runs)) < 2 * len(runs):
        return "cp1252" if _decoded(data, "cp1252") else None
    return "cp1251" if _share(_CYRILLIC, _decoded(data, "cp1251")) > 0.5 else None


def _share(letters: re.Pattern[str], text: str) -> float:
    """Return the share of some letters in what is beyond ASCII."""
    return len(letters.findall(text)) / max(1, sum(not char.isascii() for char in text))


def _decoded(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return ""


class _Transcoded(Derived):
    """Another encoding as UTF-8, on the fly."""

    def __init__(self, stream: io.BufferedIOBase, encoding: str) -> None:
        super().__init__(stream)
        # Both give bytes that are not UTF-8 for what is not text.
        errors = "surrogatepass" if encoding.startswith("utf") else "surrogateescape"
        self._decoder = codecs.getincrementaldecoder(encoding)(errors)

    @override
    def more(self, size: int) -> bytes:
        while chunk := self._stream.read(BUFFER):
            if data := self._decoder.decode(chunk).encode("utf-8", "surrogatepass"):
                return data
        if not self._decoder.getstate()[0]:
            return b""
        # The file ends within a character: a byte that is not UTF-8 says so.
        self._decoder.reset()
        return b"\xff"


@dataclass(slots=True)
class CsvText:
    """The text of a CSV file, cleaned: NUL characters and byte order marks within it are dropped.

    Attributes:
        member: The file.
        offset: Bytes before the rows, once that is known.
        end: Where the rows end; None: with the file.
    """

    member: Member
    offset: int = 0
    end: int | None = None
    has_cr_lines: bool = field(default=False, init=False)
    """Its line breaks are carriage returns."""
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
        """Open the text after the header; the caller closes it."""
        stream = self.open()
        stream.read(self.offset)
        return stream if self.end is None else io.BufferedReader(_Limited(stream, self.end), BUFFER)

    def warn(self, nuls: int) -> None:
        """Log once that characters were dropped."""
        if not self._is_warned:
            self._is_warned = True
            logger.warning("%s: %d NUL characters within its text were dropped", self.member.name, nuls)


class _Limited(Derived):
    """The first bytes of a stream."""

    def __init__(self, stream: io.BufferedIOBase, size: int) -> None:
        super().__init__(stream)
        self._left = size

    @override
    def more(self, size: int) -> bytes:
        data = self._stream.read(min(size, self._left)) or b""
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
    def more(self, size: int) -> bytes:
        while chunk := self._stream.read(BUFFER):
            if data := self._cleaned(chunk):
                return data
        if self._nuls:
            self._text.warn(self._nuls)
        rest, self._held = self._held, b""
        return rest

    def _cleaned(self, chunk: bytes) -> bytes:
        """Return what of the file is ready with one more piece of it."""
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
        data = self._held + (chunk.replace(b"\r", b"\n") if self._text.has_cr_lines else chunk)
        held = next((size for size in (3, 2, 1) if data.endswith(MARKED_LINE[:size])), 0)
        self._held = data[len(data) - held :]
        data = data[: len(data) - held]
        # A lone byte is looked for ten times as fast, and hardly any text has this one.
        return data.replace(MARKED_LINE, b"\n") if MARKED_LINE[1:2] in data else data
