"""Job ids in a vendor's call: they are looked for in every value of its path, query and body.

The user chooses the names of impact.com's parameters, and Similarweb's payload is not documented. So all
values are searched, and all words in them: an id may be part of a link or a sentence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote

MAX_FIELDS = 1000
"""Form fields that are read."""
WORD = re.compile(r"[\w-]+")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ID_NAME = re.compile(r"(job|report|request|export|ticket)?[_-]?(id|key|uuid|ref)|job|report|ticket")
"""Names of fields that hold a job's id: `JobId`, `report_id`, `id`."""


def path_parts(target: str) -> list[str]:
    """Return a path's parts, decoded."""
    path = target.partition("?")[0]  # not by `urlsplit`: what follows two slashes would be a host to it
    return unquote(path).split("/")


def values(target: str, body: bytes) -> Iterator[tuple[str, str]]:
    """Yield all values of a call with their names ("" where they have none), except path segments."""
    yield from _fields(target.partition("?")[2])
    text = body.decode(errors="replace").strip()
    if not text:
        return
    try:
        yield from _leaves(json.loads(text))
    except (ValueError, RecursionError):
        yield from _fields(text)
        yield "", text  # such as XML: its words are searched


def words(text: str) -> set[str]:
    """Return a value and the words in it, in lower case."""
    normal = text.strip().casefold()
    return {normal, *WORD.findall(normal)} - {""}


def named_ids(pairs: Iterable[tuple[str, str]], known: Iterable[str]) -> set[str]:
    """Return what looks like a job's id: by the field's name, or because it has the shape of a known id.

    Args:
        pairs: Names and values.
        known: Ids in lower case.
    """
    shapes = {_shape(job_id) for job_id in known} - {""}
    ids = set()
    for name, text in pairs:
        normal = text.strip().casefold()
        if ID_NAME.fullmatch(name.casefold()) and WORD.fullmatch(normal):
            ids.add(normal)
        ids.update(word for word in words(text) if UUID.fullmatch(word) or _shape(word) in shapes)
    return ids


def _shape(word: str) -> str:
    """Return the shape of an id: `1234` is 0000, `ab-12` is xx-xx; "" for a plain word."""
    if word.isdigit():
        return "0" * len(word)
    return re.sub(r"[^\W_]", "x", word) if any(letter.isdigit() for letter in word) else ""


def _fields(text: str) -> Iterator[tuple[str, str]]:
    try:
        yield from parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        yield "", text


def _leaves(value: Any) -> Iterator[tuple[str, str]]:
    """Yield the plain values of a JSON value at any depth, each with the nearest name above it."""
    todo = [("", value)]
    while todo:
        name, item = todo.pop()
        if isinstance(item, dict):
            todo.extend((str(key), part) for key, part in item.items())
        elif isinstance(item, list):
            todo.extend((name, part) for part in item)
        elif item is not None:
            yield name, str(item)
