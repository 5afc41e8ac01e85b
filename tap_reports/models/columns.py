"""Columns: a file's headers -> property names, and kinds <-> JSON schema types."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import count
from typing import Any

from tap_reports.models import Column, Kind

JOB_ID, ROW = "_report_job_id", "_report_row"
SLICE_START, SLICE_END = "_report_slice_start", "_report_slice_end"
LINEAGE = tuple(
    Column(name, name, kind)
    for name, kind in (
        (JOB_ID, Kind.STRING),
        (SLICE_START, Kind.DATE),
        (SLICE_END, Kind.DATE),
        (ROW, Kind.INTEGER),
    )
)
"""The columns that tell where a record comes from."""

SHEET_IN_NAME, SHEET_IN_TITLE = "__", " / "
"""Between a report and its sheet: in a stream's name, in its schema's title."""

SNAKE_CASE = "snake_case"
VERBATIM = "verbatim"
NAMELESS = "column"
"""Name of a header without a letter or digit."""

_WORDS = re.compile(
    r"A{2,}s(?![as])"  # IDs
    r"|A+0*(?![as])"  # CTR, D7, and HTTP of HTTPServer
    r"|A?[as][as0]*"  # Campaign, zzz, click2install
    r"|0+[as]*"  # 7, 2nd
)
"""Words of a header by its characters' shapes: A upper case, s the letter s, a another letter, 0 a digit."""


@lru_cache(maxsize=4096)  # the files of a stream have the same headers
def property_name(header: str) -> str:
    """Return a header in snake_case: `Revenue (USD)` -> `revenue_usd`, `EventDate` -> `event_date`.

    Letters of all scripts stay (in lower case), anything that is neither letter nor digit separates words.
    """
    text = unicodedata.normalize("NFC", header)
    words = (text[match.start() : match.end()].lower() for match in _WORDS.finditer(_shape(text)))
    return "_".join(words) or NAMELESS


def property_names(headers: Iterable[str], style: str = SNAKE_CASE, taken: Iterable[str] = ()) -> list[str]:
    """Return the property of each header, in order; a clash gets `_2`, `_3`.

    Args:
        headers: The headers as the file has them.
        style: `snake_case` or `verbatim`.
        taken: Property names that are already used.
    """
    used = {*taken, *(column.property for column in LINEAGE)}
    counts: dict[str, int] = {}
    names = []
    for header in headers:
        base = property_name(header) if style == SNAKE_CASE else header or NAMELESS
        name, count = base, counts.get(base, 1)
        while name in used:
            count += 1
            name = f"{base}_{count}"
        counts[base] = count
        used.add(name)
        names.append(name)
    return names


def columns_of(kinds: Mapping[str, Kind]) -> tuple[Column, ...]:
    """Return a file's columns by what each header holds, in order."""
    names = property_names(kinds)
    return tuple(Column(header, name, kinds[header]) for header, name in zip(kinds, names, strict=True))


def distinct_names(names: Iterable[str | None]) -> list[str | None]:
    """Return names of sheets; one that an earlier sheet has gets the first free `_2`, `_3`."""
    names = list(names)
    taken, distinct = {*names}, list[str | None]()
    for name in names:
        free = name
        if name is not None and name in distinct:
            numbered = (f"{name}_{number}" for number in count(2))
            free = next(candidate for candidate in numbered if candidate not in taken)
            taken.add(free)
        distinct.append(free)
    return distinct


def schema_of(kind: Kind, title: str) -> dict[str, Any]:
    """Return the JSON schema of a nullable property; `title` is the header as the file has it."""
    if kind in {Kind.DATE, Kind.DATE_TIME}:
        return {"type": ["string", "null"], "format": kind.value, "title": title}
    return {"type": [kind.value, "null"], "title": title}


def kind_of(schema: Mapping[str, Any]) -> Kind:
    """Return the kind of a property's JSON schema, whichever way it is written; text where it is unclear."""
    types = {type_ for part in _parts(schema) for type_ in _types(part)}
    if types == {"integer"}:
        return Kind.INTEGER
    if types and types <= {"integer", "number"}:
        return Kind.NUMBER
    if types == {"boolean"}:
        return Kind.BOOLEAN
    formats = {part["format"] for part in _parts(schema) if "format" in part}
    if types <= {"string"} and len(formats) == 1 and formats <= {Kind.DATE, Kind.DATE_TIME}:
        return Kind(formats.pop())
    return Kind.STRING


def _shape(text: str) -> str:
    return "".join(map(_shape_of, text))


def _shape_of(character: str) -> str:
    if character == "s":
        return "s"
    if character.isupper() or character.istitle():
        return "A"
    # Marks (accents written apart, vowel signs) belong to the letter before them.
    if character.isalpha() or unicodedata.category(character).startswith("M"):
        return "a"
    return "0" if character.isalnum() else "_"


def _parts(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield a schema and the alternatives within it."""
    yield schema
    for word in ("anyOf", "oneOf", "allOf"):
        for part in schema.get(word, ()):
            yield from _parts(part)


def _types(schema: Mapping[str, Any]) -> Iterator[str]:
    types = schema.get("type", ())
    yield from (type_ for type_ in ([types] if isinstance(types, str) else types) if type_ != "null")
