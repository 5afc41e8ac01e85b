"""What stream maps do not look at is not made for them, and comes out the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
from emitting import CONTEXT, EXTRACTED
from singer_sdk.mapper import RemoveRecordTransform
from test_batch import stream_of, table_and_plan

from tap_reports.emit.maps import blocks, unused_properties
from tap_reports.emit.rows import records
from tap_reports.emit.writer import ENCODER, envelope


def clicks(folder):
    table, plan = table_and_plan(folder)
    return table, replace(plan, stream="clicks")


@pytest.mark.parametrize(
    ("definition", "seen"),
    [
        ({"name": "md5(record['name'])"}, {"name"}),
        ({"sum": "spend + _['clicks']"}, {"spend", "clicks"}),
        ({"spend": "self * 2", "__alias__": "x"}, {"self", "spend"}),
        ({"name": None, "__filter__": "spend > 5"}, {"spend"}),
        ({"text": "f'{spend}'", "__else__": None}, {"spend"}),
        ({"copy": "spend if clicks else None"}, {"spend", "clicks"}),
        ({"copy": "record['na' + 'me']"}, None),
        ({"all": "[_[x] for x in ('spend', 'at')]"}, None),
    ],
)
def test_only_what_a_map_names_is_made_for_it(tmp_path, definition, seen):
    stream = stream_of(stream_maps={"clicks": definition})
    table, plan = clicks(tmp_path)
    (stream_map,) = stream.stream_maps
    names = {field.property for field in plan.fields}
    assert unused_properties(plan, [stream_map], stream.config) == (names - seen if seen else set())

    before, after = envelope(stream_map.stream_alias, None, EXTRACTED)
    mapped = [stream_map.transform(record) for record in records(table, plan, CONTEXT)]
    lines = b"".join(before + ENCODER.encode(record) + after + b"\n" for record in mapped if record)
    found = blocks(table, plan, CONTEXT, [stream_map], EXTRACTED, stream.config)
    assert b"".join(block.data for block in found) == lines


@pytest.mark.parametrize(
    "config",
    [
        {"stream_maps": {"clicks": {"copy": "name"}}, "flattening_enabled": True, "flattening_max_depth": 1},
        {"stream_maps": {"clicks": {"copy": "name"}, "copies": {"__source__": "clicks"}}},
        {"stream_maps": {"clicks": None, "copies": {"__source__": "clicks", "copy": "name"}}},
    ],
)
def test_what_else_takes_a_record_sees_all_of_it(tmp_path, config):
    stream = stream_of(**config)
    _, plan = clicks(tmp_path)
    maps = [each for each in stream.stream_maps if not isinstance(each, RemoveRecordTransform)]
    assert not unused_properties(plan, maps, config)
