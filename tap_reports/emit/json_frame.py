"""Blocks of JSON objects -> columns of text, where each object is written as the first ones of its file.

One pattern says of a whole block that it is so. The text between the values, the same in each object, is
replaced by characters that no JSON value holds, and what is left is a table of values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import polars as pl

from tap_reports.emit.columnar import Frame, NotWholeError
from tap_reports.emit.patterns import DAY
from tap_reports.files.json_form import NUMBER, Form
from tap_reports.files.numbers import Number
from tap_reports.models import Kind

BETWEEN = "\x1f"
TYPED = {
    Kind.INTEGER: "(?:0|-?[1-9][0-9]{0,17}|null)",
    Kind.NUMBER: f"(?:{NUMBER}|null)",
    Kind.DATE: f'(?:"(?:{DAY})?"|null)',
    Kind.STRING: r'(?:"[^"\\\x00-\x1f]*"|null)',
}
"""Values that stand in a record as they are. (Of an empty text, which is null there, its quotes tell.)"""
TEXTS = {Kind.DATE, Kind.STRING}
DECODER = msgspec.json.Decoder(float_hook=Number)


class JsonFrames:
    """Parses the blocks of one JSON table; several threads may use it.

    Args:
        form: How its objects are written.
        kinds: The kind of each wanted column, by position.
    """

    def __init__(self, form: Form, kinds: Mapping[int, Kind]) -> None:
        self._form = form
        self._any = form.pattern()
        self._typed = {at: kind for at, kind in kinds.items() if kind in TYPED and at < len(form.keys)}
        self._wanted = frozenset(kinds)
        self._close = form.close.encode()
        self._lead = f"{form.close}{form.separator}".encode()
        self._starts = [form.between, *form.before[1:]]
        self._marks = ["\n", *(BETWEEN for _ in form.before[1:])]
        self._schema = {str(at): pl.String() for at in range(len(form.keys))}

    def frame(self, block: bytes, width: int) -> Frame:
        """Parse a block of whole objects into `width` columns; those beyond the form's keys are empty.

        Raises:
            NotWholeError: Some object is written in another way.
        """
        if not block.endswith(self._close):  # as the last object of a file may not
            raise NotWholeError
        try:
            text = pl.Series([self._lead + block[: -len(self._form.close)]], dtype=pl.Binary).cast(pl.String)
        except pl.exceptions.PolarsError as error:  # no UTF-8
            raise NotWholeError from error
        typed = dict(self._typed)
        pattern = self._form.pattern({at: TYPED[kind] for at, kind in typed.items()})
        if not typed or not text.str.contains(pattern).item():
            if not text.str.contains(self._any).item():
                raise NotWholeError
            typed = {}
        found = self._values(text)
        if not typed and self._typed:
            typed = self._loosened(found)
        columns: list[Any] = [
            _cells(column, typed.get(at)) if at in self._wanted else column for at, column in enumerate(found)
        ]
        rows = len(found[0])
        columns += [pl.Series([None], dtype=pl.String).new_from_index(0, rows)] * (width - len(columns))
        return Frame(columns, rows, typed.keys())

    def _values(self, text: pl.Series) -> list[pl.Series]:
        """Return the values by column, as JSON has them."""
        table: bytes = text.str.replace_many(self._starts, self._marks).cast(pl.Binary).item()
        try:
            frame = pl.read_csv(
                table,
                has_header=False,
                skip_rows=1,  # the line break that stands for the close before the first object
                schema=self._schema,
                separator=BETWEEN,
                quote_char=None,
                null_values="null",
            )
        except pl.exceptions.PolarsError as error:
            raise NotWholeError from error
        return frame.get_columns()

    def _loosened(self, found: list[pl.Series]) -> dict[int, Kind]:
        """Look at each typed column alone and leave those out, from now on, that do not fit their pattern."""
        typed = {
            at: kind
            for at, kind in self._typed.items()
            if bool(found[at].str.contains(f"^{TYPED[kind]}$").all())
        }
        self._typed = {at: kind for at, kind in self._typed.items() if at in typed}
        return typed


def _cells(values: pl.Series, typed: Kind | None) -> pl.Series | list[Any]:
    """Return values as the text of cells; as cells, if there are escapes in them."""
    if typed is not None and typed not in TEXTS:
        return values
    if typed is None and values.str.contains("\\", literal=True).any():
        texts = values.fill_null("null").to_list()
        found: list[Any] = DECODER.decode(f"[{','.join(texts)}]")
        return [None if cell == "" else cell for cell in found]
    bare = values.str.strip_chars('"')
    return bare.replace("", None) if (bare == "").any() else bare
