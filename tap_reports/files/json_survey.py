"""The first pass over a JSON file: are its objects written alike, what are their keys, is it whole?"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from tap_reports import speedups
from tap_reports.files.json_blocks import Cut, JsonTable, NotAlikeError, blocks, objects, rows
from tap_reports.files.json_form import SCALAR, STRING, Form, escaped, learned
from tap_reports.files.json_shape import ARRAY, LINES
from tap_reports.files.text import open_utf8
from tap_reports.models import FileFormat

if TYPE_CHECKING:
    from tap_reports.files.part import Part

HEAD = 1 << 20
"""Bytes within which the first two objects are looked for."""
THREADS = 2

_SPACE = r"[ \t\r\n]*"
_BLANK = b" \t\r\n"


def json_table(part: Part, path: str) -> JsonTable | None:
    """Return the table whose rows are at a path of `json_shape`; None if its objects are not alike."""
    import msgspec

    with open_utf8(part) as stream:
        head = stream.read(HEAD)
    found = re.match(_start(path), head)
    form = learned(head[found.end() :].decode(errors="ignore")) if found else None
    is_lines = path == LINES
    if found is None or form is None or ("\n" if is_lines else ",") not in form.separator:
        return None
    if is_lines and "," in form.separator:
        return None
    survey = _Survey(form, is_lines=is_lines)
    try:
        size = survey.size(part, head[: found.end()], path)
    except (NotAlikeError, msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError):
        return None  # whoever reads it next says what is wrong, if anything is
    table = JsonTable(
        name=part.name,
        sheet=part.sheet,
        format=FileFormat.JSON,
        header=tuple(survey.keys),
        read=lambda: iter(()),
        keys=tuple(survey.keys),
        form=form,
        open_blocks=partial(blocks, part, found.end(), size, form),
        is_lines=is_lines,
    )
    return replace(table, read=partial(rows, table))


def _start(path: str) -> bytes:
    """Return the pattern of what stands before the first object."""
    if path == LINES:
        return rf"{_SPACE}(?=\{{)".encode()
    if path == ARRAY:
        return rf"{_SPACE}\[{_SPACE}(?=\{{)".encode()
    key = escaped(json.dumps(path.removesuffix(f".{ARRAY}")))
    member = f"{_SPACE}{STRING}{_SPACE}:{_SPACE}{SCALAR}{_SPACE},"
    return rf"{_SPACE}\{{(?:{member})*{_SPACE}{key}{_SPACE}:{_SPACE}\[{_SPACE}(?=\{{)".encode()


class _Survey:
    """What the first pass over a file learns: `keys`, the form's first, and that all is well."""

    def __init__(self, form: Form, *, is_lines: bool) -> None:
        self.keys = dict.fromkeys(form.keys)
        self._form = form
        self._texts = form.texts
        self._codes = bytes(len(form.keys))  # any value will do
        self._is_lines = is_lines

    def size(self, part: Part, head: bytes, path: str) -> int:
        """Return how many bytes the objects are, from the first brace to the last.

        Args:
            part: The file.
            head: Its bytes before the first brace.
            path: Where its rows are.

        Raises:
            NotAlikeError: It is not whole, or its objects are not alike. So do the errors of the parsers.
        """
        gap = len(self._form.separator)
        size = 0
        with closing(open_utf8(part)) as stream:
            stream.read(len(head))
            cut = Cut(stream, self._form)
            for block, is_alike in _looked_at(cut, self._is_alike):
                if not is_alike:
                    self._learn(block)
                size += len(block) + gap
        last = cut.rest.rstrip(_BLANK) if self._is_lines else _array(cut.rest)
        self._refuse_tail(cut.rest[len(last) :], head, path)
        self._learn(last)
        return size + len(last)

    def _is_alike(self, block: bytes) -> bool:
        if speedups.is_compiled():  # it looks for the same
            return speedups.json_cells(block, self._texts, self._codes, takes_local=False) is not None
        import polars as pl

        lead = f"{self._form.close}{self._form.separator}".encode()
        try:
            text = pl.Series([lead + block[: -len(self._form.close)]], dtype=pl.Binary).cast(pl.String)
        except pl.exceptions.PolarsError as error:  # no UTF-8
            raise NotAlikeError from error
        return bool(text.str.contains(self._form.pattern()).item())

    def _learn(self, block: bytes) -> None:
        for found in objects(block, is_lines=self._is_lines):
            if not found.keys() <= self.keys.keys():
                self.keys.update(dict.fromkeys(found))

    def _refuse_tail(self, tail: bytes, head: bytes, path: str) -> None:
        """Raise an error unless the file ends as it should."""
        import msgspec

        if self._is_lines:
            return
        key = json.dumps(path.removesuffix(f".{ARRAY}")).encode()
        if key in tail:  # the rows may go on there
            raise NotAlikeError
        msgspec.json.decode(head + tail)


def _looked_at(cuts: Iterable[bytes], look: Callable[[bytes], bool]) -> Iterator[tuple[bytes, bool]]:
    """Yield blocks in order with what is seen in them, two looked at at the same time."""
    waiting: deque[tuple[bytes, Future[bool]]] = deque()
    with ThreadPoolExecutor(THREADS, thread_name_prefix="survey") as pool:
        for block in cuts:
            waiting.append((block, pool.submit(look, block)))
            if len(waiting) > THREADS:
                first, seen = waiting.popleft()
                yield first, seen.result()
        for first, seen in waiting:
            yield first, seen.result()


def _array(rest: bytes) -> bytes:
    """Return the objects behind the last cut: those up to the end of their array."""
    text = f"[{rest.decode()}"
    _, end = json.JSONDecoder().raw_decode(text)
    return text[1 : end - 1].encode().rstrip(_BLANK)
