"""The compiled module takes what the patterns take, and writes what Python would."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
from decimal import Decimal

import msgspec
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tap_reports import speedups
from tap_reports.emit.csv_types import MOMENT
from tap_reports.emit.patterns import DAY, NUMBER, OFFSET, TIME
from tap_reports.files.json_form import NUMBER as JSON_NUMBER
from tap_reports.files.json_form import STRING
from tap_reports.speedups import Code

pytestmark = pytest.mark.skipif(not speedups.is_compiled(), reason="not compiled: no C compiler")

PATTERNS = {
    Code.INTEGER: "0|-?[1-9][0-9]{0,17}",
    Code.NUMBER: NUMBER,
    Code.DAY: DAY,
    Code.INSTANT: f"{DAY}[T ]{TIME}(?:Z|{OFFSET})",
    Code.MOMENT: MOMENT,
    Code.BOOLEAN: "true|false",
}
NEARLY = st.one_of(
    st.from_regex(r"-?[0-9]{0,20}(\.[0-9]{0,3})?([eE][+-]?[0-9]{0,4})?", fullmatch=True),
    st.from_regex(r"[0-3][0-9]{3}-[01][0-9]-[0-3][0-9]", fullmatch=True),
    st.from_regex(
        r"2[01][0-9]{2}-0[1-3]-[0-3][0-9][T ][012][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{1,10})?"
        r"(Z|[+-][012][0-9]:[0-6][0-9]|)",
        fullmatch=True,
    ),
    st.sampled_from(
        ["true", "false", "True", "-0", "-0.0", "2024-02-29", "2000-02-29", "1900-02-29", "1e+5"]
    ),
    st.text(st.sampled_from("0123456789.-+eETZ: "), max_size=12),
)


@pytest.mark.parametrize("code", PATTERNS)
@given(cell=NEARLY.filter(bool))
@example("2026-08-03T10:00:00-00:00")
@example("2026-08-03T10:00:00+00:00")
@example("2026-08-03T10:00:00.123456789Z")
@example("9" * 18)
@example("9" * 19)
def test_cells_are_taken_as_the_patterns_take_them(code, cell):
    found = speedups.csv_cells(f"{cell},x\n".encode(), ",", bytes([code, Code.TEXT]), takes_local=False)
    assert bool(found) == bool(re.fullmatch(f"(?:{PATTERNS[code]})", cell))


@given(cell=NEARLY)
def test_instants_without_offset_are_taken_where_they_may_be(cell):
    found = speedups.csv_cells(f"{cell},x\n".encode(), ",", bytes([Code.INSTANT, 0]), takes_local=True)
    assert bool(found) == bool(re.fullmatch(f"({DAY}[T ]{TIME}(?:Z|{OFFSET})?)?", cell))


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
    found = speedups.csv_cells(plain + b",x\n", ",", bytes([Code.TEXT, 0]), takes_local=False)
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
    cells = speedups.csv_cells(block, delimiter, codes, takes_local=False)
    if cells is None:  # a carriage return that the writer leaves bare, say
        return
    rows = list(csv.reader(io.StringIO(file.getvalue(), newline=""), delimiter=delimiter, strict=True))
    fields = speedups.packed([(Code.TEXT, 1), (Code.ROW, 0), (Code.TEXT, 0)])
    lines = speedups.lines(cells, fields, (b"[", b",", b",", b"]\n"), 7, b"")
    expected = [
        msgspec.json.encode([row[2] or None, 7 + at, row[0] or None]) + b"\n" for at, row in enumerate(rows)
    ]
    assert (cells.rows, lines) == (len(rows), b"".join(expected))


@given(values=st.lists(st.tuples(TEXTS, st.booleans()), min_size=1, max_size=6))
def test_texts_of_json_are_written_as_python_writes_them(values):
    block = ",".join(json.dumps([text], ensure_ascii=is_ascii) for text, is_ascii in values)
    cells = speedups.json_cells(block.encode(), (b"[", b"]", b","), bytes([Code.TEXT]), takes_local=False)
    whole = all(re.fullmatch(STRING, json.dumps(text, ensure_ascii=is_ascii)) for text, is_ascii in values)
    assert bool(cells) == whole
    if cells:
        lines = speedups.lines(cells, speedups.packed([(Code.TEXT, 0)]), (b"", b"\n"), 0, b"")
        assert lines == b"".join(msgspec.json.encode(text or None) + b"\n" for text, _ in values)


@pytest.mark.parametrize("character", [*map(chr, range(32)), "/", "\x7f", "\u2028"])
def test_every_escape_is_written_as_python_writes_it(character):
    for written in (json.dumps(character), f'"\\u{ord(character):04X}"', '"\\/"'):
        block = f"[{written}]".encode()
        cells = speedups.json_cells(block, (b"[", b"]", b","), bytes([Code.TEXT]), takes_local=False)
        lines = speedups.lines(cells, speedups.packed([(Code.TEXT, 0)]), (b"", b""), 0, b"")
        assert lines == msgspec.json.encode(json.loads(written))


@given(
    value=NEARLY | st.sampled_from(["null", "nul", "tru", "", "{}", "[]", '"', '"x', '"\\x"', '"\\ud800"'])
)
def test_values_of_json_are_taken_as_the_patterns_take_them(value):
    patterns = {
        Code.SKIPPED: f"{STRING}|{JSON_NUMBER}|true|false|null",
        Code.NUMBER: f"{JSON_NUMBER}|null",
        Code.INTEGER: f"{PATTERNS[Code.INTEGER]}|null",
        Code.BOOLEAN: "true|false|null",
        Code.DAY: "null",
        Code.TEXT: f"{STRING}|null",
    }
    for code, pattern in patterns.items():
        block = f"[{value}]".encode()
        found = speedups.json_cells(block, (b"[", b"]", b","), bytes([code]), takes_local=False)
        assert bool(found) == bool(re.fullmatch(f"(?:{pattern})", value))


@pytest.mark.parametrize(
    "block",
    [
        b'{"a": 1}',
        b'{"a":1,"b":2}',
        b'{"a":1},',
        b'{"a":1}{"a":1}',
        b'{"a":1',
        b"",
        b'{"a":1},{"b":1}',
        b"\xff",
    ],
)
def test_other_objects_are_refused(block):
    texts = (b'{"a":', b"}", b",")
    assert speedups.json_cells(b'{"a":1},{"a":2}', texts, bytes([Code.INTEGER]), takes_local=False).rows == 2
    assert speedups.json_cells(block, texts, bytes([Code.INTEGER]), takes_local=False) is None


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
        b"1,\x01\n",
        b"1,2\r\r\n",
    ],
)
def test_other_csv_is_refused(block):
    codes = bytes([Code.INTEGER, Code.TEXT])
    assert speedups.csv_cells(b'1,2\n3,"4"\r\n5,', ",", codes, takes_local=False).rows == 3
    assert speedups.csv_cells(block, ",", codes, takes_local=False) is None


def frame_of(block, fields, scales):
    codes = [code for code, _ in fields]
    cells = speedups.csv_cells(block, ",", bytes(codes), takes_local=False)
    found = speedups.columns(cells, speedups.packed(fields), bytes(scales))
    return found and pl.DataFrame(found)


NUMBERS = st.from_regex(r"\A-?(0|[1-9][0-9]{0,38})(\.[0-9]{1,38})?([eE][+-]?[0-9]{1,2})?\Z")


@given(numbers=st.lists(NUMBERS | st.just(""), min_size=1, max_size=5), scale=st.integers(0, 38))
@example(["9" * 38, "-" + "9" * 38, "0"], 0)
@example(["0." + "0" * 37 + "1"], 38)
@example(["0.01E9"], 30)
@example(["0E60"], 0)
def test_decimals_keep_every_digit_or_are_refused(numbers, scale):
    block = "".join(f"{number},x\n" for number in numbers).encode()
    frame = frame_of(block, [(Code.NUMBER, 0), (Code.TEXT, 1)], [scale, 0])
    values = [Decimal(number) if number else None for number in numbers]
    if frame is None:

        def fits(value):  # 1.50 has two digits behind the point
            exponent = value.as_tuple().exponent
            digits = 0 if value.is_zero() else len(value.as_tuple().digits) + exponent + scale
            return -exponent <= scale and digits <= 38

        assert not all(fits(value) for value in values if value is not None)
    else:
        assert frame["0"].to_list() == values
        assert frame.schema["0"] == pl.Decimal(38, scale)


@given(
    days=st.lists(
        st.dates(dt.date(1000, 1, 1), dt.date(2999, 12, 31)).map(dt.date.isoformat) | st.just(""),
        min_size=1,
        max_size=40,
    ),
    time=st.times().map(lambda time: time.isoformat("seconds")),
)
def test_days_moments_integers_and_texts_become_columns(days, time):
    days = [day for day in days if re.fullmatch(f"({DAY})?", day)]
    moments = [day and f"{day}T{time}{'Z' if at % 2 else '+00:00'}" for at, day in enumerate(days)]
    numbers = [(-1) ** at * 10**17 // (at + 1) if at % 3 else None for at in range(len(days))]
    texts = [f'"{day}"' if at % 2 else f"é,{day}" for at, day in enumerate(days)]
    block = "".join(
        f'{day},{moment},{"" if number is None else number},"{text.replace(chr(34), chr(34) * 2)}"\n'
        for day, moment, number, text in zip(days, moments, numbers, texts, strict=True)
    )
    if not days:
        return
    fields = [(Code.DAY, 0), (Code.MOMENT, 1), (Code.INTEGER, 2), (Code.TEXT, 3)]
    frame = frame_of(block.encode(), fields, [0, 0, 0, 0])
    assert frame["0"].to_list() == [dt.date.fromisoformat(day) if day else None for day in days]
    assert frame["1"].to_list() == [
        dt.datetime.fromisoformat(moment) if moment else None for moment in moments
    ]
    assert frame["2"].to_list() == numbers
    assert frame["3"].to_list() == texts


def test_columns_outlive_the_block_and_what_made_them():
    frame = frame_of(b"1,a\n2,b\n" * 5000, [(Code.INTEGER, 0), (Code.TEXT, 1)], [0, 0])
    pieces = [frame_of(b"3,c\n" * 5000, [(Code.INTEGER, 0), (Code.TEXT, 1)], [0, 0]) for _ in range(20)]
    assert frame["0"].sum() == 15000
    assert frame["1"].to_list() == ["a", "b"] * 5000
    assert pl.concat(pieces)["0"].sum() == 300000


def test_a_block_longer_than_the_first_room_for_cells():
    block = b"".join(b"%d,x%d\n" % (row, row) for row in range(40000))
    cells = speedups.csv_cells(block, ",", bytes([Code.INTEGER, Code.TEXT]), takes_local=False)
    fields = speedups.packed([(Code.INTEGER, 0), (Code.TEXT, 1)])
    lines = speedups.lines(cells, fields, (b"", b" ", b"\n"), 1, b"")
    assert lines == b"".join(b'%d "x%d"\n' % (row, row) for row in range(40000))


def test_what_does_not_go_together_is_an_error():
    cells = speedups.csv_cells(b"1,a\n", ",", bytes([Code.INTEGER, Code.TEXT]), takes_local=False)
    right, texts = speedups.packed([(Code.INTEGER, 0)]), (b"", b"")
    assert speedups.lines(cells, right, texts, 1, b"") == b"1"
    twice = speedups.packed([(Code.INTEGER, 0), (Code.INTEGER, 0)])
    for wrong in (
        lambda: speedups.lines(cells, speedups.packed([(Code.INTEGER, 2)]), texts, 1, b""),
        lambda: speedups.lines(cells, speedups.packed([(Code.TEXT, 0)]), texts, 1, b""),
        lambda: speedups.lines(cells, twice, (b"", b"", b""), 1, b""),
        lambda: speedups.lines(cells, right[:3], texts, 1, b""),
        lambda: speedups.lines(cells, right, (b"",), 1, b""),
        lambda: speedups.columns(cells, right, b""),
        lambda: speedups.columns(cells, right, bytes([39])),
        lambda: speedups.csv_cells(b"1,a\n", '"', bytes([1, 1]), takes_local=False),
        lambda: speedups.csv_cells(b"1,a\n", ",", bytes([1]), takes_local=False),
        lambda: speedups.csv_cells(b"1,a\n", ",", bytes([1, 200]), takes_local=False),
        lambda: speedups.json_cells(b"[1]", (b"[",), bytes([1]), takes_local=False),
        lambda: speedups.json_cells(b"[1]", (), b"", takes_local=False),
    ):
        with pytest.raises(ValueError, match=r"\w"):
            wrong()
    with pytest.raises(TypeError):
        speedups.lines(cells, right, ("", ""), 1, b"")
    with pytest.raises(TypeError):
        speedups.csv_cells("1,a\n", ",", bytes([1, 1]), takes_local=False)
    with pytest.raises(ValueError, match="Capsule"):
        speedups.lines(speedups.Cells(object(), 1), right, texts, 1, b"")
