"""JSON in the shapes that vendors use, every digit kept."""

import json
from decimal import Decimal

import pytest
from file_reader import CSV, JSON, gzipped
from hypothesis import given
from hypothesis import strategies as st

from tap_reports.models import FileFormat, FileOptions, Layout

IMPACT = Layout(format=FileFormat.JSON, records=("Records", "Clicks"))
HEADER_AND_ROWS = (("a", "b"), [[1, "x"], [Decimal("2.50"), None]])

NUMBERS = st.one_of(
    st.integers(-(10**30), 10**30),
    st.decimals(allow_nan=False, allow_infinity=False, places=20),
    st.sampled_from([Decimal("1E+5"), Decimal("6.2E-7"), Decimal("1.5E-400"), Decimal("0.10")]),
)
CELLS = st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=5))
OBJECTS = st.lists(
    st.dictionaries(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=3), CELLS, max_size=4),
    max_size=6,
)


def json_text(value):
    """Write JSON with every digit of decimals."""
    if isinstance(value, dict):
        return f"{{{','.join(f'{json.dumps(key)}:{json_text(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{','.join(map(json_text, value))}]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)


@pytest.mark.parametrize(
    ("content", "layout"),
    [
        ('[{"a":1,"b":"x"},{"a":2.50,"b":null}]', JSON),
        ('\n [\n{"a":1,"b":"x"},\n{"a":2.50,"b":""}]\n', JSON),
        ('{"a":1,"b":"x"}\n{"a":2.50}\n', JSON),
        ('{"a":1,"b":"x"}\r\n\n{"a":2.50,"b":""}', JSON),
        ('{"@page":"1","Records":[{"a":1,"b":"x"},{"a":2.50,"b":""}],"@numpages":"1"}', IMPACT),
        ('{"Status":"COMPLETED","meta":{"x":[1,{}]},"Clicks":[{"a":1,"b":"x"},{"a":2.50}]}', IMPACT),
        ('[{"a":1,"b":"x"},{"a":2.50}]', IMPACT),
        ('[{"a":1,"b":"x"},{"a":2.50}]', CSV),
        ('{"a":1,"b":"x"}\n{"a":2.50}\n', CSV),
    ],
)
@pytest.mark.parametrize(
    "pack",
    [
        str.encode,
        lambda text: gzipped(text.encode()),
        lambda text: text.encode("utf-8-sig"),
        lambda text: text.encode("utf-16"),
    ],
    ids=["plain", "gzip", "mark", "utf-16"],
)
def test_shapes(reader, content, layout, pack):
    table = reader.table(pack(content), layout)
    assert table.format is FileFormat.JSON
    assert (table.header, list(table.rows())) == HEADER_AND_ROWS
    assert list(table.rows()) == HEADER_AND_ROWS[1]


def test_keys_that_the_first_object_lacks_are_columns_too(reader):
    content = '[{"b":1},{"a":2},{"b":3,"c":4}]'
    assert reader.rows(content, JSON) == (("b", "a", "c"), [[1, None, None], [None, 2, None], [3, None, 4]])


def test_types_stay(reader):
    content = '[{"a":true,"b":false,"c":0,"d":0.0,"e":"0","f":1e5,"g":123456789012345678901234567890}]'
    (row,) = reader.rows(content, JSON)[1]
    assert list(map(repr, row)) == [
        "True",
        "False",
        "0",
        "Decimal('0.0')",
        "'0'",
        "Decimal('1E+5')",
        "123456789012345678901234567890",
    ]


@pytest.mark.parametrize("shape", ["[%s]", "%s\n{}"], ids=["array", "lines"])
def test_nested_values_are_compact_json_with_every_digit(reader, shape):
    content = shape % '{"a":{"x": 1.10, "y": ["é", null]},"b":[1, 2]}'
    assert reader.rows(content, JSON)[1][0] == ['{"x":1.10,"y":["é",null]}', "[1,2]"]


@pytest.mark.parametrize(
    ("content", "layout"),
    [
        ("[]", JSON),
        ("", JSON),
        ("null", JSON),
        ("{}", JSON),
        ("[{}]", JSON),
        ('{"reports":[]}', JSON),
        ('{"report_name":"r","data":null}', JSON),
        ('{"Records":[]}', IMPACT),
        ('{"Records":null,"@page":"1"}', IMPACT),
        ('{"Records":{}}', IMPACT),
        ("[]", IMPACT),
        ("", IMPACT),
    ],
)
def test_no_rows(reader, content, layout):
    assert reader.rows(content, layout) == ((), [])


def test_one_object_is_one_json_line(reader):
    assert reader.rows('{"domain":"x.com","visits":1}', JSON) == (("domain", "visits"), [["x.com", 1]])
    assert reader.rows('{\n"domain":"x.com"\n}\n', JSON) == (("domain",), [["x.com"]])


@pytest.mark.parametrize(
    ("content", "layout"),
    [
        ('{"Status":"ERROR","Message":"Not permitted to run report xyz"}', IMPACT),
        ('{"Status":"ERROR","Message":"Not permitted to run report xyz"}', JSON),
        ('{"Status":"ERROR","Message":"Not permitted to run report xyz"}', CSV),
        ('{"error":"Not permitted to run report xyz"}', JSON),
        ('{"error":{"reason":"Not permitted to run report xyz"},"id":5}', JSON),
        ('{"message":"Not permitted to run report xyz"}', JSON),
        ('{"detail":"Not permitted to run report xyz"}', CSV),
        ('{"a":"Not permitted to run report xyz"}', IMPACT),
        ('{"Status":"ERROR","Message":"Not permitted to run report xyz","Records":[]}', IMPACT),
        ('{"Records":[],"Status":"ERROR","Message":"Not permitted to run report xyz"}', IMPACT),
        ('{"Records":null,"Status":"ERROR","Message":"Not permitted to run report xyz"}', IMPACT),
        ('{"Records":"Not permitted to run report xyz"}', IMPACT),
        ('{"Records":{"a":"Not permitted to run report xyz"}}', IMPACT),
        ('{"Records":[],"error":{"message":"Not permitted to run report xyz"}}', IMPACT),
        ('{"Records":[{"a":1}],"Errors":[{"Message":"Not permitted to run report xyz"}]}', IMPACT),
        ('{"reports":[{"error":"Not permitted to run report xyz","data":[{"a":1}]}]}', JSON),
        ('"Not permitted to run report xyz"', JSON),
        ('[{"error":"Not permitted to run report xyz","code":5}]', JSON),
        ('{"error":"Not permitted to run report xyz"}\n{"error":"x"}', JSON),
        ('{"reports":[{"sheet_name":"S","error":"Not permitted to run report xyz","data":[]}]}', JSON),
    ],
)
def test_an_error_in_place_of_a_report_is_shown(reader, content, layout):
    assert "Not permitted to run report xyz" in reader.error(content, layout)


def test_errors_that_say_nothing_are_none(reader):
    errors, rows = '"errors":{"count":0,"list":[]}', '[{"a":"x"}]'
    assert reader.rows(f'{{"Records":{rows},{errors}}}', IMPACT)[1] == [["x"]]
    assert reader.rows(f'{{"reports":[{{{errors},"data":{rows}}}]}}', JSON)[1] == [["x"]]


@pytest.mark.parametrize(
    ("content", "keys"),
    [
        ('{"reports":[{"sheet_name":"S","rows":[{"a":1}]}]}', '"sheet_name", "rows"'),
        ('{"result":{},"rows":[["a"],[1]]}', '"result", "rows"'),
        ('{"total":0,"rows":[]}', '"total", "rows"'),
        ('{"items": [{"a": 1}], "total": 1}', '"items", "total"'),
        ('{"data": [{"a": 1}]}', '"data"'),
        ('{"result": {"page": {"rows": [{"a": 1}]}}}', '"result"'),
        ('{"items": [{"a": 1}], "reports": []}', '"items"'),
        ('{"reports": {"sheet_name": "S", "data": [{"a": 1}]}}', '"reports"'),
    ],
)
def test_rows_under_another_key_are_an_error_that_names_the_keys(reader, content, keys):
    assert f"Its keys: {keys}" in reader.error(content, JSON)


@pytest.mark.parametrize("content", ['{"result":{},"rows":[["a"],[1]]}', '{"total":0,"rows":[]}'])
def test_columns_that_are_known_may_hold_lists(reader, content):
    known = Layout(format=FileFormat.JSON, known=frozenset({"total", "rows", "result"}))
    assert len(reader.rows(content, known)[1]) == 1


def test_reports_with_one_name_are_sheets_of_their_own(reader):
    reports = [{"sheet_name": name, "data": [{"a": at}]} for at, name in enumerate(["S", "S", "S_2", "S"])]
    found = reader.tables(json.dumps({"reports": reports}), JSON)
    assert [(table.sheet, list(table.rows())) for table in found] == [
        ("S", [[0]]),
        ("S_3", [[1]]),
        ("S_2", [[2]]),
        ("S_4", [[3]]),
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[1,2]", 'row 1 is not a JSON object: "1"'),
        ('[{"a":1},null]', 'row 2 is not a JSON object: "null"'),
        ('{"a":1}\n{"a":1}\n[2]\n', "row 3 is not a JSON object"),
        ('{"a":1}\n{"a":\n', "row 2 is truncated: it ends at byte 14, within"),
        ('[{"a":1},]', 'is not valid JSON at byte 10: unexpected "]"'),
        ('[{"a":1}][{"a":2}]', 'is not valid JSON at byte 10: unexpected "[{"a":2}]"'),
        ('[{"a":1,"b":NaN}]', "NaN is not JSON"),
        ('[{"a":1,"b":01}]', """at byte 14: Expecting ',' delimiter, at "1}\""""),
    ],
)
def test_rows_that_are_no_objects_are_named(reader, content, says):
    assert says in reader.error(content, JSON)


def test_sheets_of_reports(reader):
    content = json_text(
        {
            "reports": [
                {
                    "report_name": "r",
                    "sheet_name": "Users",
                    "data": [{"a": 1}, {"a": 2, "b": Decimal("0.10")}],
                },
                {"report_name": "r", "data": [], "sheet_name": "None"},
                {"data": [{"c": "x"}], "report_name": "r", "sheet_name": "Late"},
                {"report_name": "r", "sheet_name": "Null", "data": None},
            ]
        }
    )
    tables = reader.tables(content, JSON)
    assert [(table.sheet, table.header, list(table.rows())) for table in tables] == [
        ("Users", ("a", "b"), [[1, None], [2, Decimal("0.10")]]),
        ("None", (), []),
        ("Late", ("c",), [["x"]]),
        ("Null", (), []),
    ]


@pytest.mark.parametrize(
    "content",
    [
        '{"reports":[{"sheet_name":"A","data":{"item":{"a":1}}}]}',
        '{"reports":[{"sheet_name":"A","data":["x"]}]}',
        '{"reports":["x"]}',
        '{"report_name":"r","data":"Not ready"}',
        '{"reports":[{"sheet_name":"A","data":[{"a":1}]}',
        '{"reports":[{"sheet_name":"A","data":"x"}]}',
    ],
)
def test_reports_of_another_shape_are_an_error(reader, content):
    assert "the report" in reader.error(content, JSON)


@given(objects=OBJECTS, lines=st.booleans())
def test_round_trip(session_reader, objects, lines):
    content = "\n".join(map(json_text, objects)) if lines else json_text(objects)
    if lines and len(objects) < 2:
        content += "\n{}\n{}" if objects else ""
        objects = [*objects, {}, {}] if objects else []
    header, rows = session_reader.rows(content, JSON)
    assert set(header) == {key for row in objects for key in row}
    wanted = (
        [[None if row.get(key) == "" else row.get(key) for key in header] for row in objects]
        if header
        else []
    )
    assert [list(map(repr, row)) for row in rows] == [list(map(repr, row)) for row in wanted]


def test_a_footer_of_json_is_left_out(reader):
    layout = Layout(format=FileFormat.JSON, options=FileOptions(footer_rows=1))
    content = '[{"a": 1}, {"a": 2}, {"a": 3}]'
    assert reader.rows(content, layout) == (("a",), [[1], [2]])
    assert reader.rows('[{"a": 1}]', layout) == (("a",), [])


@pytest.mark.parametrize(
    ("encoding", "text"), [("cp1252", "Zoë"), ("shift_jis", "カタカナ")], ids=["cp1252", "shift_jis"]
)
@pytest.mark.parametrize(
    "shape", ['[{"a":"%s"}]', '{"a":1}\n{"a":"%s"}', '[{"%s":1}]', '{"x":"%s","Records":[]}']
)
def test_json_in_another_encoding_names_the_setting_that_reads_it(reader, encoding, text, shape):
    content = (shape % text).encode(encoding)
    assert f"Set file.encoding to {encoding}" in reader.error(content, IMPACT)
    layout = Layout(format=FileFormat.JSON, records=("Records",), options=FileOptions(encoding=encoding))
    assert reader.everything(content, layout) == reader.everything(shape % text, IMPACT)
