"""Stream maps. Those that only choose, rename and alias are carried out by the plan, not record by record."""

from __future__ import annotations

import ast
import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from singer_sdk.mapper import CustomStreamMap, RemoveRecordTransform, SameRecordTransform

from tap_reports.emit.blocks import encode
from tap_reports.emit.plan import Block
from tap_reports.emit.rows import record_blocks
from tap_reports.emit.writer import ENCODER, envelope

if TYPE_CHECKING:
    from singer_sdk.mapper import StreamMap

    from tap_reports.emit.plan import EmitPlan, SliceContext
    from tap_reports.files.table import Table

ALIAS, ELSE, FILTER = "__alias__", "__else__", "__filter__"
PLAIN_OPTIONS = frozenset({ALIAS, ELSE, "__key_properties__", "__source__"})
"""Options that do not look at a record's values."""
REMOVED = (None, "__NULL__")
RECORD = frozenset({"record", "_"})
"""What expressions call the whole record."""


def mapped_plan(plan: EmitPlan, maps: Sequence[StreamMap], config: Mapping[str, Any]) -> EmitPlan | None:
    """Return the plan whose records are those that the stream maps make of a plan's records.

    Args:
        plan: Without the maps.
        maps: Of the stream, without those that remove it.
        config: The tap's, for what the maps are made of.

    Returns:
        None where a map must see each record: it computes or filters, or there are several of them.
    """
    if len(maps) != 1:
        return None
    stream_map, names = maps[0], [field.property for field in plan.fields]
    if type(stream_map) is SameRecordTransform and not stream_map.flattening_enabled:
        return plan
    if not _is_plain(stream_map, config.get("stream_maps", {}).get(plan.stream), names):
        return None
    # A record whose values are the names of its properties shows where each value goes.
    record = stream_map.transform(dict(zip(names, names, strict=True))) or {}
    fields = {field.property: field for field in plan.fields}
    if not record or not all(isinstance(name, str) and name in fields for name in record.values()):
        return None
    # What is to be checked must be there.
    checked = {plan.dated_by, *(field.property for field in plan.fields if field.required)} - {None}
    if not checked <= {*record.values()}:
        return None
    renamed = tuple(replace(fields[name], property=new) for new, name in record.items())
    day = next((new for new, name in record.items() if name == plan.dated_by), None)
    return replace(plan, alias=stream_map.stream_alias, fields=renamed, dated_by=day)


def blocks(
    table: Table,
    plan: EmitPlan,
    context: SliceContext,
    maps: Sequence[StreamMap],
    extracted: dt.datetime,
    config: Mapping[str, Any],
) -> Iterator[Block[bytes]]:
    """Yield a table's RECORD messages in blocks, each record taken through the stream maps.

    Args:
        table: The rows.
        plan: Without the maps.
        context: Where the rows come from.
        maps: Each makes the records of one stream; one that removes the stream makes none.
        extracted: `time_extracted` of the messages.
        config: The tap's, for what the maps are made of.

    Raises:
        InvalidValue: A cell does not fit, under `invalid_values: fail`; the rows before it have come out.
        FileError: The file turns out damaged; likewise.
    """
    maps = [stream_map for stream_map in maps if not isinstance(stream_map, RemoveRecordTransform)]
    if plain := mapped_plan(plan, maps, config):
        yield from encode(table, plain, context, extracted=extracted)
        return
    around = [envelope(stream_map.stream_alias, plan.version, extracted) for stream_map in maps]
    for found in record_blocks(table, plan, context, raw=unused_properties(plan, maps, config)):
        lines = []
        for stream_map, (before, after) in zip(maps, around, strict=True):
            mapped = [one for record in found.data if (one := stream_map.transform(record)) is not None]
            if mapped:
                text = ENCODER.encode_lines(mapped)[:-1].replace(b"\n", after + b"\n" + before)
                lines.append(before + text + after + b"\n")
        yield Block(b"".join(lines), found.rows, found.records, found.tally)


def unused_properties(plan: EmitPlan, maps: Sequence[StreamMap], config: Mapping[str, Any]) -> frozenset[str]:
    """Return the properties whose values no stream map looks at, as far as its expressions tell."""
    definition = config.get("stream_maps", {}).get(plan.stream)
    if (
        len(maps) != 1
        or type(maps[0]) is not CustomStreamMap
        or maps[0].flattening_enabled
        or not isinstance(definition, Mapping)
        or "__source__" in definition
    ):
        return frozenset()
    seen = {
        name
        for key, text in definition.items()
        if key not in PLAIN_OPTIONS and text not in REMOVED
        for name in _names_in(text, key)
    }
    return frozenset() if seen & RECORD else frozenset(field.property for field in plan.fields) - seen


def _names_in(expression: str, property_: str) -> Iterator[str]:
    """Yield the names that an expression looks at; `record` where it takes more than a value of it."""
    nodes = list(ast.walk(ast.parse(expression)))
    taken = {
        id(node.value): node.slice.value
        for node in nodes
        if isinstance(node, ast.Subscript)
        and isinstance(node.slice, ast.Constant)
        and isinstance(node.slice.value, str)
    }
    for node in nodes:
        if isinstance(node, ast.Name):
            name = taken.get(id(node)) if node.id in RECORD else node.id
            yield "record" if name is None else name
            if name == "self":
                yield property_


def _is_plain(stream_map: StreamMap, definition: Any, names: Sequence[str]) -> bool:
    """Return whether a map takes nothing but whole values of records."""
    if type(stream_map) is SameRecordTransform:
        return True
    if type(stream_map) is not CustomStreamMap or not isinstance(definition, Mapping):
        return False
    return all(
        key in PLAIN_OPTIONS
        or (not key.startswith("__") and (value in REMOVED or (value in names and value.isidentifier())))
        for key, value in definition.items()
    )
