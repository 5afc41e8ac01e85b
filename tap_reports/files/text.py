"""Bytes of a text file -> UTF-8 without byte order mark, and beginnings of files for messages."""

from __future__ import annotations

import codecs
import io

from tap_reports.files.part import BUFFER, Part
from tap_reports.redaction import redact

SHOWN = 200
"""Characters of a file that a message shows."""

_UTF_16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def shown(text: str, most: int = SHOWN) -> str:
    """Return how a text begins, for a message: one line, redacted, printable, cut to `most` characters."""
    start = redact(text[: 1 << 16])  # far beyond what is shown: a secret that is cut would not be found
    line = " ".join("".join(char if char.isprintable() else " " for char in start).split())
    return line if len(line) <= most else f"{line[:most]}..."


def beginning(part: Part) -> str:
    """Return the first characters of a text file, without byte order mark and white space before them."""
    encoding = _UTF_16.get(part.head[:2], "utf-8")
    return part.head.decode(encoding, errors="replace").removeprefix("\ufeff").lstrip()


def open_utf8(part: Part) -> io.BufferedIOBase:
    """Open a text file as UTF-8 without byte order mark; the caller closes it.

    Bytes that are no text come through as bytes that are no UTF-8, so that there is one place
    to find them: where rows are counted.
    """
    stream = part.open()
    if encoding := _UTF_16.get(part.head[:2]):
        stream.read(2)
        return io.BufferedReader(_Transcoded(stream, encoding), BUFFER)
    if part.head.startswith(codecs.BOM_UTF8):
        stream.read(3)
    return stream


class _Transcoded(io.RawIOBase):
    """UTF-16 as UTF-8, on the fly."""

    def __init__(self, stream: io.BufferedIOBase, encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
        self._ready = b""

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # any buffer in stubs
        """Fill the buffer, as `io.RawIOBase` says."""
        while not self._ready and (chunk := self._stream.read(BUFFER)):
            # A lone surrogate passes and gives bytes that are no UTF-8.
            self._ready = self._decoder.decode(chunk).encode("utf-8", "surrogatepass")
        if not self._ready and self._decoder.getstate()[0]:
            # The file ends within a character: a byte that is no UTF-8 says so.
            self._decoder.reset()
            self._ready = b"\xff"
        count = min(len(buffer), len(self._ready))
        buffer[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

    def close(self) -> None:
        """Close the file, too."""
        self._stream.close()
        super().close()
