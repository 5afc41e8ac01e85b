"""The compiled module takes what Python would write just so, and writes what Python would."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
from decimal import Decimal
from struct import pack

import msgspec
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tap_reports import speedups
from tap_reports.emit.parquet import array_of
from tap_reports.files.cells import converter
from tap_reports.files.json_values import value_cell
from tap_reports.files.table import USUAL, Notation
from tap_reports.models import Kind
from tap_reports.speedups import JsonKeys
from tap_reports.speedups.codes import BY_PYTHON, CODES, Code, Flag, packed

pytestmark = pytest.mark.skipif(not speedups.is_compiled(), reason="not compiled: no C compiler")

ALL = Flag.TAKES_LOCAL | Flag.TAKES_THOUSANDS
NEARLY = st.one_of(
    st.from_regex(r"-?[0-9]{0,20}(\.[0-9]{0,3})?([eE][+-]?[0-9]{0,4})?", fullmatch=True),
    st.from_regex(r"-?\$?[0-9]{0,3}(,[0-9]{3}){0,2}(\.[0-9]{0,2})?%?", fullmatch=True),
    st.from_regex(r"-?[0-9]{0,3}(\.[0-9]{3}){0,2}(,[0-9]{0,2})?%?", fullmatch=True),
    st.from_regex(r"[0-3][0-9]{3}-[01][0-9]-[0-3][0-9]", fullmatch=True),
    st.from_regex(
        r"2[01][0-9]{2}-0[1-3]-[0-3][0-9][T ][012][0-9]:[0-6][0-9](:[0-6][0-9](\.[0-9]{1,10})?)?"
        r"(Z|[+-][012][0-9]:[0-6][0-9]|)",
        fullmatch=True,
    ),
    st.sampled_from(
        ["true", "false", "True", "-0", "-0.0", "2024-02-29", "2000-02-29", "1900-02-29", "1e+5", "$1,234.50"]
    ),
    st.text(st.sampled_from("0123456789.-+eETZ:$%, "), max_size=12),
)


def keys_of(codes):
    """Return the keys `a`, `b`, … of JSON objects, all wanted unless their code is SKIPPED."""
    wanted, columns = bytes(code for code in codes if code), b""
    for at, code in enumerate(codes):
        columns += pack("=H", sum(map(bool, codes[:at])) if code else 0)
    names = tuple(bytes([ord("a") + at]) for at in range(len(codes)))
    return JsonKeys(names, bytes(codes), columns, wanted)


def json_cells(block, codes, flags=ALL, *, most=1 << 20, start=0):
    return speedups.json_cells(block, start, keys_of(codes), most, flags)


def written(cells, code, first=1):
    """Return the first wanted column as lines."""
    fields = packed([(code, 0)])
    return speedups.lines(cells, fields, (b"", b"\n"), first, b"+00:00", (0, cells.rows))


def raw(number):
    return msgspec.Raw(str(number).encode())


def assert_as_python(kind, cell, found, notation=USUAL):
    """Compare what was not refused with what Python makes of it."""
    try:
        expected = msgspec.json.encode(converter(kind, notation=notation)(cell), enc_hook=raw) + b"\n"
    except ValueError:
        expected = None
    if not any(found.refused):
        assert written(found, CODES[kind]) == expected


WRITTEN = {USUAL: ALL, Notation(decimal_separator=","): ALL | Flag.DECIMAL_COMMA}


@pytest.mark.parametrize("notation", WRITTEN)
@pytest.mark.parametrize("kind", Kind)
@given(cell=NEARLY.filter(bool))
@example("2026-08-03T10:00:00-00:00")
@example("2026-08-03T10:00:00+00:00")
@example("2026-08-03T10:00:00.123456789Z")
@example("2026-08-03 10:00")
@example("9" * 18)
@example("9" * 19)
@example("0,125")
@example("$1,234.50")
@example("-$5%")
@example("1,23")
@example("-$1.234,50")
def test_a_cell_that_is_taken_is_written_as_python_writes_it(kind, notation, cell):
    quoted, code, flags = f'"{cell}",x\n'.encode(), CODES[kind], WRITTEN[notation]
    assert_as_python(kind, cell, speedups.csv_cells(quoted, ",", bytes([code, 0]), flags), notation)
    assert_as_python(kind, cell, json_cells(b'{"a":"%b"}' % cell.encode(), [code], flags), notation)


PLAIN = {
    Kind.STRING: ["x", "é😀", "1"],
    Kind.INTEGER: ["0", "-15", "1,234", "$5", "44%"],
    Kind.NUMBER: ["1.50", "6.2e-07", "$1,234.50", "-$0.5", "12.5%", "1,234,567.8"],
    Kind.DATE: ["2026-01-31", "2024-02-29", "2026-08-03T10:00:00Z", "2026-08-03 10:00:00"],
    Kind.DATE_TIME: ["2026-08-03T10:00:00Z", "2026-08-03 10:00", "2026-08-03T10:00:00.5-05:00"],
    Kind.BOOLEAN: ["true", "false"],
}


@pytest.mark.parametrize("kind", Kind)
def test_what_reports_are_full_of_is_not_refused(kind):
    for cell in PLAIN[kind]:
        found = speedups.csv_cells(f'"{cell}",x\n'.encode(), ",", bytes([CODES[kind], 0]), ALL)
        assert not found.refused
        assert_as_python(kind, cell, found)


def test_numbers_with_a_decimal_comma_are_not_refused_where_the_user_says_so():
    block, codes = b"1.234,5;-7\n0,25;$1.000\n12,5%;3\n", bytes([Code.NUMBER, Code.INTEGER])
    found = speedups.csv_cells(block, ";", codes, ALL | Flag.DECIMAL_COMMA)
    assert (found.refused, written(found, Code.NUMBER)) == ((), b"1234.5\n0.25\n12.5\n")


def test_commas_and_instants_without_offset_are_refused_where_they_are_not_sure():
    for kind, cell in ((Kind.NUMBER, "1,234"), (Kind.DATE_TIME, "2026-08-03 10:00:00")):
        found = speedups.csv_cells(f'"{cell}",x\n'.encode(), ",", bytes([CODES[kind], 0]), Flag(0))
        assert found.refused == (1,)


def is_text(data):
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@given(
    data=st.lists(
        st.sampled_from(
            [b"a", b"\x7f", b"\x80", b"\xbf", b"\xc2", b"\xc1", b"\xe0\xa0", b"\xe0\x9f", b"\xed"]
        )
        | st.binary(min_size=1, max_size=4)
        | st.characters(exclude_categories=["Cs"]).map(str.encode),
        max_size=14,
    ).map(b"".join)
)
def test_only_utf_8_is_taken(data):
    plain = data.translate(None, bytes(range(32)) + b'",')
    found = speedups.csv_cells(plain + b",x\n", ",", bytes([Code.TEXT, 0]), ALL)
    assert bool(found) == is_text(plain)


TEXTS = st.text(
    st.sampled_from('ab,"\\\n\r\té😀;{}') | st.characters(min_codepoint=32, exclude_categories=["Cs"]),
    max_size=9,
)


@given(
    rows=st.lists(st.lists(TEXTS, min_size=3, max_size=3), min_size=1, max_size=8),
    end=st.sampled_from(["\n", "\r\n"]),
    delimiter=st.sampled_from(",;|\t"),
)
@example([["", "", "\r"]], "\n", ",")
def test_texts_are_written_as_python_writes_them(rows, end, delimiter):
    file = io.StringIO()
    csv.writer(file, lineterminator=end, delimiter=delimiter).writerows(rows)
    block = file.getvalue().encode()
    codes = bytes([Code.TEXT, Code.SKIPPED, Code.TEXT])
    cells = speedups.csv_cells(block, delimiter, codes, ALL)
    if cells is None:  # a carriage return that the writer leaves bare, say
        return
    read = csv.reader(io.StringIO(file.getvalue(), newline=""), delimiter=delimiter, strict=True)
    rows = [row for row in read if any(row)]
    fields = packed([(Code.TEXT, 1), (Code.ROW, 0), (Code.TEXT, 0)])
    lines = speedups.lines(cells, fields, (b"[", b",", b",", b"]\n"), 7, b"", (0, cells.rows))
    expected = [
        msgspec.json.encode([row[2] or None, 7 + at, row[0] or None]) + b"\n" for at, row in enumerate(rows)
    ]
    assert (cells.rows, lines) == (len(rows), b"".join(expected))


@given(values=st.lists(st.tuples(TEXTS, st.booleans()), min_size=1, max_size=6))
def test_texts_of_json_are_written_as_python_writes_them(values):
    block = ", ".join(json.dumps({"a": text}, ensure_ascii=is_ascii) for text, is_ascii in values)
    cells = json_cells(block.encode(), [Code.TEXT])
    if not cells.refused:
        expected = b"".join(msgspec.json.encode(text or None) + b"\n" for text, _ in values)
        assert written(cells, Code.TEXT) == expected


@pytest.mark.parametrize("character", [*map(chr, range(32)), "/", "\x7f", "\u2028"])
def test_every_escape_is_written_as_python_writes_it(character):
    for spelled in (json.dumps(character), f'"\\u{ord(character):04X}"', '"\\/"'):
        cells = json_cells(f'{{"a":{spelled}}}'.encode(), [Code.TEXT])
        assert written(cells, Code.TEXT) == msgspec.json.encode(json.loads(spelled)) + b"\n"
        column = pa.record_batch(speedups.columns(cells, packed([(Code.TEXT, 0)]), 1, b""))[0]
        assert column.to_pylist() == [json.loads(spelled)]


LEAVES = st.sampled_from(
    [
        "0",
        "-0",
        "1.50",
        "1E+5",
        "9" * 25,
        "null",
        "false",
        '""',
        '"x"',
        '"é😀"',
        '"a b: {},"',
        '"\\u00e9\\/\\n\\u001F\\""',
    ]
)
BLANKS = st.sampled_from(["", "", " ", "\r\n\t"])


def lists_of(inner):
    return st.builds(
        lambda values, blank: f"[{blank}{f'{blank},'.join(values)}]", st.lists(inner, max_size=3), BLANKS
    )


def objects_of(inner):
    keys = st.sampled_from(
        ["", "a", "b", "c", "a key of more than sixteen bytes", "\\u0061", "é", "\\ud83d\\ude00"]
    )

    def written(members, blank):
        return (
            "{" + f",{blank}".join(f'"{key}"{blank}:{blank}{value}' for key, value in members) + blank + "}"
        )

    return st.builds(written, st.lists(st.tuples(keys, inner), max_size=4), BLANKS)


NESTED = st.recursive(LEAVES, lambda inner: lists_of(inner) | objects_of(inner), max_leaves=12)


ODD_NESTED = [
    '{"a":1,"b":{"a":2},"\\u0061":3}',
    '[{"":1,"":2}]',
    '["\\ud83d\\ude00"]',
    '{"\\uDfff":1}',
    "[1,-0]",
]
ODD_NESTED += [json.dumps(dict.fromkeys(map(str, range(65))))]


def nested_cells(values):
    return json_cells(",".join(f'{{"a":{value}}}' for value in values).encode(), [Code.TEXT])


@given(values=st.lists(lists_of(NESTED) | objects_of(NESTED), min_size=1, max_size=3))
@example(['{"a" : [1.50, {"b":"\\u00e9\\/"}], "c": {}, "\\u0062": [ ]}'])
@example(ODD_NESTED)
def test_what_is_nested_is_written_as_python_writes_it(values):
    cells = nested_cells(values)
    speedups.convert(cells, 0, {}, lambda value: value_cell(value).encode())
    texts = [value_cell(value) for value in values]
    assert written(cells, Code.TEXT) == b"".join(msgspec.json.encode(text) + b"\n" for text in texts)
    column = pa.record_batch(speedups.columns(cells, packed([(Code.TEXT, 0)]), 1, b""))[0]
    assert column.to_pylist() == texts


def test_what_is_nested_is_refused_only_where_python_changes_it():
    usual = [
        '{"a":{"b":"é","c":[{"b":1},{"b":2}]},"b":2}',
        "[]",
        json.dumps([dict.fromkeys(map(str, range(64)))] * 2),
    ]
    assert nested_cells(usual).refused == ()
    assert nested_cells(ODD_NESTED).refused == (len(ODD_NESTED),)


@pytest.mark.parametrize("depth", [199, 200])
def test_objects_may_be_nested_to_a_depth_of_200(depth):
    block = b'{"a":' + b"[" * depth + b"]" * depth + b"}"
    assert bool(json_cells(block, [Code.TEXT])) == (depth < 200)
    assert speedups.json_keys(block, 0, (b"a",), Flag(0)).is_json == (depth < 200)


VALUES = ["null", "nul", "tru", "", "{}", "[]", '"', '"x', '"\\x"', '"\\ud800"', "[1,{}]", '{"b":[{}]}']
VALUES += ["[1,]", "{,}", "-", "1.", "01", "1E+99", "-0", "[1 2]", '{"b" 1}', '{"b":1,}', "{1:1}"]


@given(value=NEARLY | st.sampled_from(VALUES), code=st.sampled_from(range(7)))
def test_json_is_taken_if_it_is_json(value, code):
    try:
        json.loads(value, parse_constant=int)
        is_json = not re.search(r"[eE][+-]?[0-9]{4}", value)
    except ValueError:
        is_json = False
    block = f'{{"a":{value}}}'.encode()
    assert bool(json_cells(block, [code])) == is_json
    assert (speedups.json_keys(block, 0, (b"a",), Flag(0)).objects == 1) == is_json


@pytest.mark.parametrize(
    "block",
    [
        b'{"a": 1}}',
        b'{"a":1},,',
        b'{"a":1}{"a":1}',
        b'{"a":1{"a":1}}',
        b'{"a":1},{"a":1"a":1}',
        b'{"a":1,"a":1},{"a":1,"a":1 "a":1}',
        b'{"a":[{"\xff":1}]}',
        b'{"a":"a text of sixteen bytes\xc3"}',
        b'{"a":1',
        b'{"b":1}',
        b'{"a":"\xff"}',
        b"1",
        b'{"a"}',
        b'{"a":1,}',
    ],
)
def test_other_objects_are_refused(block):
    assert json_cells(b'{"a":1} ,\n {"a":2}, ', [Code.INTEGER]).rows == 2
    assert json_cells(b'{"a":1}\n{"a":2}\n', [Code.INTEGER], Flag.IS_LINES).rows == 2
    assert json_cells(block, [Code.INTEGER]) is None


def test_objects_may_lack_keys_and_have_them_in_any_order():
    block = b'{"a":1,"b":"x"},{"b":"y","a":2},{},{"b":null},{"b":"z","b":"last"}'
    cells = json_cells(block, [Code.INTEGER, Code.TEXT])
    fields = packed([(Code.INTEGER, 0), (Code.TEXT, 1)])
    lines = speedups.lines(cells, fields, (b"", b" ", b"\n"), 1, b"", (0, 5))
    assert lines == b'1 "x"\n2 "y"\nnull null\nnull null\nnull "last"\n'


SPELLED = (b"a", b"b" * 16, b"c" * 40)
BETWEEN = st.sampled_from([",", ",", ",", ", ", ",\n ", " ,"])
FLAWS = st.sampled_from(["", ",,", "{", ":", ',"'])


@st.composite
def flat_object(draw, between):
    keys = draw(st.permutations(SPELLED))[: draw(st.integers(0, 3))]
    blanks = draw(st.sampled_from([st.just(""), BLANKS]))
    members = [f'"{key.decode()}"{draw(blanks)}:{draw(blanks)}{draw(st.integers(0, 10**17))}' for key in keys]
    return "{" + "".join(member + draw(between) for member in members[:-1]) + "".join(members[-1:]) + "}"


@given(st.lists(flat_object(BETWEEN) | flat_object(st.one_of(BETWEEN, FLAWS)), min_size=2, max_size=8))
def test_objects_are_read_whatever_stands_between_their_values(objects):
    """It is compared with what stood there in the object before."""
    text = ",".join(objects)
    codes = [Code.INTEGER] * 3
    keys = keys_of(codes)._replace(spelled=SPELLED)
    cells = speedups.json_cells(text.encode(), 0, keys, 99, ALL)
    try:
        expected = [[row.get(key.decode()) for key in SPELLED] for row in json.loads(f"[{text}]")]
    except ValueError:
        assert cells is None
        return
    fields = packed([(Code.INTEGER, at) for at in range(3)])
    lines = speedups.lines(cells, fields, (b"[", b",", b",", b"]\n"), 1, b"", (0, len(objects)))
    assert [json.loads(line) for line in lines.splitlines()] == expected
    assert speedups.json_keys(text.encode(), 0, SPELLED, Flag(0)).objects == len(objects)


def test_a_part_of_the_objects_can_be_taken():
    block = b'{"a":1},{"a":2},{"a":3}'
    first = json_cells(block, [Code.INTEGER], most=2)
    assert first.rows == 2
    rest = json_cells(block, [Code.INTEGER], start=first.end)
    assert (rest.rows, written(rest, Code.INTEGER)) == (1, b"3\n")


def test_keys_that_are_not_known_are_found():
    block = b'{"a":1},{"a":2,"\\u0062":3,"c":4},{"d":5}'
    found = speedups.json_keys(block, 0, (b"a",), Flag(0))
    assert (found.end, found.objects, found.new, found.is_json) == (7, 1, [b"\\u0062", b"c"], True)
    found = speedups.json_keys(block, 8, (b"a",), Flag(0))
    assert (found.end, found.objects, found.new) == (8, 0, [b"\\u0062", b"c"])
    cut = speedups.json_keys(b'{"a":1},{"a":', 0, (b"a",), Flag(0))
    assert (cut.end, cut.objects, cut.is_json) == (7, 1, True)


@pytest.mark.parametrize(
    "block",
    [
        b"1\n",
        b"1,2,3\n",
        b"1,2\n\n",
        b"\n1,2\n",
        b'1,2"\n',
        b'1,"2\n',
        b'1,"2"x\n',
        b"1,2\r3,4\n",
        b"1,\0\n",
        b'1,"\0"\n',
        b"1,2\r\r\n",
    ],
)
def test_other_csv_is_refused(block):
    codes = bytes([Code.INTEGER, Code.TEXT])
    assert speedups.csv_cells(b'1,2\n3,"4"\r\n5,', ",", codes, ALL).rows == 3
    assert speedups.csv_cells(block, ",", codes, ALL) is None


def test_refused_cells_are_replaced_by_what_python_makes_of_them():
    block = b'"x ""1""",a\n2,b\n"x ""1""",c\n,d\nbad,e\nnothing,f\n'
    cells = speedups.csv_cells(block, ",", bytes([Code.INTEGER, Code.TEXT]), ALL)
    assert cells.refused == (4, 0)
    asked = []

    def convert(cell):
        asked.append(cell)
        return {'x "1"': b"111", "bad": None, "nothing": b""}[cell]

    assert speedups.convert(cells, 0, {}, convert) == 1
    assert asked == ['x "1"', "bad", "nothing"]
    assert written(cells, Code.INTEGER) == b"111\n2\n111\nnull\nnull\nnull\n"
    assert speedups.convert(cells, 0, {}, convert) == 0


@pytest.mark.parametrize(("convert", "error"), [(lambda _: 1 / 0, ZeroDivisionError), (len, TypeError)])
def test_what_a_converter_raises_is_raised(convert, error):
    cells = speedups.csv_cells(b"x,a\n", ",", bytes([2, 1]), ALL)
    with pytest.raises(error):
        speedups.convert(cells, 0, {}, convert)


def test_columns_that_python_converts_are_refused_but_for_empty_cells():
    cells = speedups.csv_cells(b"1,a\n,b\n", ",", bytes([Code.INTEGER | BY_PYTHON, Code.TEXT]), ALL)
    assert cells.refused == (1, 0)
    assert json_cells(b'{"a":1},{"a":null},{"a":""}', [Code.INTEGER | BY_PYTHON]).refused == (1,)


def test_rows_without_a_key_are_left_out_and_the_others_keep_their_numbers():
    cells = speedups.csv_cells(b"1,a\n,b\n3,c\n,d\n5,e\n", ",", bytes([2, 1]), ALL)
    assert speedups.drop_nulls(cells, 1) == 0
    assert speedups.drop_nulls(cells, 0) == 2
    fields = packed([(Code.ROW, 0), (Code.TEXT, 1)])
    assert speedups.lines(cells, fields, (b"", b"", b"\n"), 7, b"", (0, 3)) == b'7"a"\n9"c"\n11"e"\n'
    batch = pa.record_batch(speedups.columns(cells, fields, 7, b""))
    assert batch.to_pydict() == {"0": [7, 9, 11], "1": ["a", "c", "e"]}


def test_days_are_compared():
    block = b"2026-01-05,x\n,x\n2026-01-01,x\n2025-12-31,x\n2026-02-01T00:00:00Z,x\n"
    cells = speedups.csv_cells(block, ",", bytes([Code.DAY, 0]), ALL)
    assert speedups.days(cells, 0, "2026-01-01", "2026-01-31") == ("2025-12-31", "2026-02-01", 4, 2)
    none = speedups.csv_cells(b",x\n", ",", bytes([Code.DAY, 0]), ALL)
    assert speedups.days(none, 0, "0" * 10, "9" * 10) == ("", "", 0, 0)


def test_rows_can_be_written_in_parts_and_columns_several_times():
    cells = speedups.csv_cells(b'1,"a\x01"\n2,b\n3,c\n', ",", bytes([2, 1]), ALL)
    fields = packed([(Code.TEXT, 1), (Code.TEXT, 1), (Code.TEXT, 1), (Code.ROW, 0)])
    texts = (b"", b"", b"", b"", b"\n")
    parts = [speedups.lines(cells, fields, texts, 1, b"", part) for part in ((0, 1), (1, 3), (3, 3))]
    assert parts == [b'"a\\u0001"' * 3 + b"1\n", b'"b""b""b"2\n"c""c""c"3\n', b""]
    assert speedups.lines(cells, fields, texts, 1, b"", (0, 3)) == b"".join(parts)


def batch_of(block, codes, zone=b"+00:00"):
    cells = speedups.csv_cells(block, ",", bytes(codes), ALL)
    fields = packed([(code, at) for at, code in enumerate(codes)])
    return pa.record_batch(speedups.columns(cells, fields, 1, zone))


NUMBERS = st.from_regex(r"\A-?(0|[1-9][0-9]{0,38})(\.[0-9]{1,38})?([eE][+-]?[0-9]{1,2})?\Z")


@given(numbers=st.lists(NUMBERS | st.just(""), min_size=1, max_size=5))
@example(["9" * 38, "-" + "9" * 38, "0"])
@example(["0." + "0" * 37 + "1"])
@example(["0.01E9"])
@example(["0E60"])
@example(["0.00000000001e40"])
def test_decimals_keep_every_digit_or_are_text(numbers):
    block = "".join(f"{number},x\n" for number in numbers).encode()
    column = batch_of(block, [Code.NUMBER, Code.TEXT])[0]
    assert column.type == array_of(Kind.NUMBER, [number or None for number in numbers]).type
    if pa.types.is_decimal(column.type):
        assert column.to_pylist() == [Decimal(number) if number else None for number in numbers]
    else:
        assert column.to_pylist() == [number or None for number in numbers]


@given(
    instants=st.lists(st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30)), min_size=1, max_size=5),
    ending=st.sampled_from(["Z", "", "-05:30", "+02:00"]),
    fraction=st.sampled_from(["", ".5", ".123456", ".123456000", ".1234567"]),
)
def test_instants_are_exact_or_text(instants, ending, fraction):
    texts = [f"{instant.replace(microsecond=0).isoformat()}{fraction}{ending}" for instant in instants]
    found = speedups.csv_cells("".join(f"{text},x\n" for text in texts).encode(), ",", bytes([5, 0]), ALL)
    assert not speedups.convert(found, 0, {}, lambda cell: converter(Kind.DATE_TIME)(cell).encode())
    column = pa.record_batch(speedups.columns(found, packed([(Code.INSTANT, 0)]), 1, b"+00:00"))[0]
    expected = [converter(Kind.DATE_TIME)(text) for text in texts]
    if fraction == ".1234567":
        assert column.to_pylist() == expected
    else:
        epoch, micro = dt.datetime(1970, 1, 1, tzinfo=dt.UTC), dt.timedelta(microseconds=1)
        micros = [(dt.datetime.fromisoformat(text) - epoch) // micro for text in expected]
        assert column.cast(pa.int64()).to_pylist() == micros


@given(
    days=st.lists(
        st.dates(dt.date(1000, 1, 1), dt.date(2999, 12, 31)).map(dt.date.isoformat) | st.just(""),
        min_size=1,
        max_size=40,
    )
)
def test_days_integers_booleans_and_texts_become_columns(days):
    days = [
        *(day for day in days if not day.endswith("00-02-29")),
        "2026-01-01",
    ]  # that is Python's to convert
    numbers = [(-1) ** at * 10**17 // (at + 1) if at % 3 else None for at in range(len(days))]
    texts = [f'"{day}"' if at % 2 else f"é,{day}" for at, day in enumerate(days)]
    truths = [None if at % 5 == 0 else at % 2 == 0 for at in range(len(days))]
    block = io.StringIO()
    shown = [None if truth is None else str(truth).lower() for truth in truths]
    csv.writer(block, lineterminator="\n").writerows(zip(days, numbers, texts, shown, strict=True))
    found = batch_of(block.getvalue().encode(), [Code.DAY, Code.INTEGER, Code.TEXT, Code.BOOLEAN]).to_pydict()
    assert found["0"] == [dt.date.fromisoformat(day) if day else None for day in days]
    assert (found["1"], found["2"], found["3"]) == (numbers, texts, truths)


def test_integers_beyond_64_bits_are_text():
    for large, is_text in ((2**63 - 1, False), (-(2**63), False), (2**63, True), (-(2**63) - 1, True)):
        cells = speedups.csv_cells(b"x,a\n1,b\n", ",", bytes([2, 1]), ALL)
        speedups.convert(cells, 0, {}, {"x": str(large).encode()}.get)
        fields = packed([(Code.INTEGER, 0)])
        column = pa.record_batch(speedups.columns(cells, fields, 1, b""))[0]
        assert column.to_pylist() == ([str(large), "1"] if is_text else [large, 1])


def test_columns_outlive_the_block_and_what_made_them():
    batch = batch_of(b"1,a\n2,b\n" * 5000, [Code.INTEGER, Code.TEXT])
    more = [batch_of(b"3,c\n" * 5000, [Code.INTEGER, Code.TEXT]) for _ in range(20)]
    assert sum(batch[0].to_pylist()) == 15000
    assert batch[1].to_pylist() == ["a", "b"] * 5000
    assert sum(sum(batch[0].to_pylist()) for batch in more) == 300000


def test_a_block_longer_than_the_first_room_for_cells():
    block = b"".join(b"%d,x%d\n" % (row, row) for row in range(40000))
    cells = speedups.csv_cells(block, ",", bytes([Code.INTEGER, Code.TEXT]), ALL)
    fields = packed([(Code.INTEGER, 0), (Code.TEXT, 1)])
    lines = speedups.lines(cells, fields, (b"", b" ", b"\n"), 1, b"", (0, 40000))
    assert lines == b"".join(b'%d "x%d"\n' % (row, row) for row in range(40000))


def test_what_does_not_go_together_is_an_error():
    cells = speedups.csv_cells(b"1,a\n", ",", bytes([Code.INTEGER, Code.TEXT]), ALL)
    right, texts, one = packed([(Code.INTEGER, 0)]), (b"", b""), (0, 1)
    assert speedups.lines(cells, right, texts, 1, b"", one) == b"1"
    keys = keys_of([1])
    for wrong in (
        lambda: speedups.lines(cells, packed([(Code.INTEGER, 2)]), texts, 1, b"", one),
        lambda: speedups.lines(cells, packed([(Code.TEXT, 0)]), texts, 1, b"", one),
        lambda: speedups.lines(cells, right[:3], texts, 1, b"", one),
        lambda: speedups.lines(cells, right, (b"",), 1, b"", one),
        lambda: speedups.lines(cells, right, texts, 1, b"", (0, 2)),
        lambda: speedups.lines(cells, right, texts, 1, b"", (-1, 1)),
        lambda: speedups.columns(cells, packed([(Code.INTEGER, 1)]), 1, b""),
        lambda: speedups.convert(cells, 2, {}, str),
        lambda: speedups.drop_nulls(cells, -1),
        lambda: speedups.days(cells, 0, "2026-01-01", "2026-01-01"),
        lambda: speedups.csv_cells(b"1,a\n", '"', bytes([1, 1]), ALL),
        lambda: speedups.csv_cells(b"1,a\n", ",", bytes([1]), ALL),
        lambda: speedups.csv_cells(b"1,a\n", ",", bytes([1, 100]), ALL),
        lambda: speedups.csv_cells(b"1,a\n", ",", bytes([1, BY_PYTHON]), ALL),
        lambda: speedups.json_cells(b"{}", 3, keys, 1, ALL),
        lambda: speedups.json_cells(b"{}", 0, keys._replace(codes=b""), 1, ALL),
        lambda: speedups.json_cells(b"{}", 0, keys._replace(columns=b"\1\0"), 1, ALL),
        lambda: speedups.json_cells(b"{}", 0, keys._replace(wanted=b""), 1, ALL),
        lambda: speedups.json_cells(b"{}", 0, keys._replace(wanted=b"\7"), 1, ALL),
        lambda: speedups.json_cells(b"{}", 0, keys, 0, ALL),
        lambda: speedups.json_keys(b"{}", 3, (), ALL),
    ):
        with pytest.raises(ValueError, match=r"\w"):
            wrong()
    for wrong in (
        lambda: speedups.lines(cells, right, ("", ""), 1, b"", one),
        lambda: speedups.csv_cells("1,a\n", ",", bytes([1, 1]), ALL),
        lambda: speedups.json_cells(b"{}", 0, keys._replace(spelled=("a",)), 1, ALL),
        lambda: speedups.json_keys(b"{}", 0, ("a",), ALL),
        lambda: speedups.convert(cells, 0, [], str),
    ):
        with pytest.raises(TypeError):
            wrong()
    with pytest.raises(ValueError, match="Capsule"):
        speedups.lines(speedups.Cells(object(), 1, 1, ()), right, texts, 1, b"", one)
