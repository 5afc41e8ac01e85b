"""The XML of a workbook's parts, read as a stream. A DOCTYPE is refused, and so all tricks with entities."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from contextlib import closing
from typing import Any
from xml.parsers import expat

from tap_reports.exceptions import FileError
from tap_reports.files.text import shown

PIECE = 1 << 18
"""Bytes read at once."""
MOST_TEXT = 1 << 26
"""Bytes of the longest cell, 64 MiB."""

ASK = "Ask the vendor for the file as Excel writes it, or for CSV."

_ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")

Start = Callable[[str, dict[str, str]], None]
End = Callable[[str], None]


class Xml:
    """A parser of one part.

    Args:
        name: Of the part, for messages.
        start: Called with an element's name, without prefix, and its attributes.
        end: Called with its name.
        text: Called with its text, in pieces.
    """

    def __init__(self, name: str, start: Start, end: End, text: Callable[[str], None] | None = None) -> None:
        self._name = name
        self._parser = parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = lambda tag, attributes: start(
            tag.rpartition(":")[2] if ":" in tag else tag, attributes
        )
        parser.EndElementHandler = lambda tag: end(tag.rpartition(":")[2] if ":" in tag else tag)
        if text:
            parser.CharacterDataHandler = text
        parser.StartDoctypeDeclHandler = self._refuse

    def feed(self, data: bytes, *, is_last: bool = False) -> None:
        """Parse a piece.

        Raises:
            FileError: It is not well-formed, or has a DOCTYPE.
        """
        try:
            self._parser.Parse(data, is_last)
        except expat.ExpatError as error:
            cause = f"{self._name} is not well-formed XML: {shown(expat.ErrorString(error.code))}."
            raise FileError(f"{cause} The workbook is damaged.", remedy=ASK) from error

    def handle_text(self, text: Callable[[str], None] | None) -> None:
        """Set what is called with text from now on."""
        self._parser.CharacterDataHandler = text

    def close(self) -> None:
        """Let go of what was given: it refers to this parser, too."""
        parser = self._parser
        parser.StartElementHandler = parser.EndElementHandler = parser.CharacterDataHandler = None
        parser.StartDoctypeDeclHandler = None

    def _refuse(self, *_: Any) -> None:
        raise FileError(f"{self._name} has a DOCTYPE, which no workbook has: refused.", remedy=ASK)


def parse(stream: io.BufferedIOBase, xml: Xml, name: str, most: int) -> None:
    """Parse a part to its end.

    Args:
        stream: Its bytes.
        xml: Its parser.
        name: Of the part, for messages.
        most: Bytes that it may have.

    Raises:
        FileError: It is damaged, or has more.
    """
    count = 0
    with closing(xml):
        while piece := stream.read(PIECE):
            count += len(piece)
            if count > most:
                raise FileError(f"{name} has more than {most:,} bytes: refused.", remedy=ASK)
            xml.feed(piece)
        xml.feed(b"", is_last=True)


def unescaped(text: str) -> str:
    """Return a text with Excel's own escapes resolved: `_x000D_` is a carriage return, NUL goes."""
    if "_x" not in text:
        return text
    found = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text).replace("\0", "")
    found = found.replace("\uffff", "\ufffd").replace("\ufffe", "\ufffd")
    # Halves of a surrogate pair are escaped one by one.
    return found.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
