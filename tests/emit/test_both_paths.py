"""The column path writes what the row path writes, byte for byte, and fails as it does."""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import io
import json
import zoneinfo
from dataclasses import replace
from itertools import product

import pendulum
import pytest
from both_ways import Maker, difference
from emitting import assert_same, by_block, plan_of, table_of
from hypothesis import example, given
from hypothesis import strategies as st

from tap_reports.files import json_rows
from tap_reports.files.days import by_format
from tap_reports.files.table import Notation
from tap_reports.models import FileFormat, Kind

pytestmark = pytest.mark.usefixtures("both_ways")

FILL = "".join(f"2026-01-{day:02},{day}\n" for day in range(1, 29))
"""Enough rows that small blocks go by column."""

NASTY = {
    "quoted empty cell": '"",""\n2026-01-01,""\n',
    "blank lines": "\n2026-01-01,1\n\n\n2026-01-02,2\n\n",
    "only a blank line at the end": "2026-01-01,1\n\n",
    "line too short": "2026-01-01\n",
    "line too long": "2026-01-01,1,2\n",
    "sloppy day": "2025-1-5,1\n",
    "no such day": "2025-02-29,1\n",
    "leap day": "2024-02-29,1\n1900-02-28,2\n2000-02-29,3\n",
    "no leap day": "1900-02-29,1\n",
    "byte order mark in the middle": "\ufeff2026-01-01,1\n",
    "quoted line breaks": '"2026-01-01","1\n"\n2026-01-02,"\n2"\n',
    "quoted carriage returns": '"2026-01-01","1\r\n"\r\n2026-01-02,2\r\n',
    "carriage returns": "2026-01-01,1\r\n2026-01-02,2\r\n",
    "lone carriage return": "2026-01-01,1\r2026-01-02,2\n",
    "NUL": "2026-01-01,1\0\n",
    "no UTF-8": b"2026-01-01,\xff\n",
    "stray quote": '2026-01-01,5" pipe\n2026-01-02,6" pipe\n',
    "quote after a quoted cell": '"2026-01-01"x,1\n',
    "unclosed quote": '2026-01-01,"1\n',
    "doubled quotes": '2026-01-01,"say ""1"""\n2026-01-02,""""\n',
    "space before a quote": '2026-01-01, "1"\n',
    "no line break at the end": "2026-01-01,1",
    "spaces": " 2026-01-01 , 1 \n  ,   \n",
    "no ASCII": "2026-01-01,ÄöÜ 日本 😀\n",
    "controls": "2026-01-01,a\tb\\c\x01\x7f\u2028\n",
    "braces": "2026-01-01,{}{{0}}\n",
    "numbers that are no JSON": "2026-01-01,007\n2026-01-02,+5\n2026-01-03,.5\n2026-01-04,5.\n",
    "numbers written for people": '2026-01-01,"1,234.50"\n2026-01-02,$5\n2026-01-03,44%\n',
    "no number": "2026-01-01,NaN\n",
    "infinite": "2026-01-01,Infinity\n",
    "underscore": "2026-01-01,1_000\n",
    "exponents": "2026-01-01,1e5\n2026-01-02,6.2235221489978456e-06\n2026-01-03,1E+400\n2026-01-04,1e9\n",
    "exponent out of bounds": "2026-01-01,1e9999\n",
    "integers beyond 64 bits": f"2026-01-01,{10**19}\n2026-01-02,-{10**25}\n2026-01-03,{'9' * 60}\n",
    "30 digits": "2026-01-01,0.123456789012345678901234567890\n2026-01-02,5.000000000000000000\n",
    "minus nothing": "2026-01-01,-0\n2026-01-02,-0.0\n2026-01-03,0\n",
    "booleans": "2026-01-01,TRUE\n2026-01-02,f\n2026-01-03,Yes\n2026-01-04,0\n",
    "other days": '2026-01,1\n20260102,1\n"Aug 3, 2026",2\n2026-08-03T10:00:00Z,3\n',
    "instants": "2026-01-01,2026-08-03T10:00:00Z\n2026-01-01,2026-08-03 10:00:00\n2026-01-02,2026-08-03\n",
    "instants with offset": "2026-01-01,2026-08-03T10:00:00-05:00\n2026-01-01,2026-08-03T10:00:00.123+0530\n",
    "offset of nothing": "2026-01-01,2026-08-03T10:00:00-00:00\n2026-01-01,2026-08-03T10:00:00+00\n",
}


@pytest.mark.parametrize("body", NASTY.values(), ids=NASTY)
def test_nasty_files_come_out_the_same(tmp_path, body):
    data = body if isinstance(body, bytes) else body.encode()
    after = FILL.encode() if data.endswith(b"\n") else b""
    for before, behind in ((b"2026-01-01,1\n", b""), (FILL.encode(), after)):
        table = table_of(tmp_path, b"Day,What\n" + before + data + behind)
        for kind, invalid, size in product(Kind, ("fail", "null"), (16, 100)):
            assert_same(table, plan_of(table.header, [Kind.DATE, kind], invalid_values=invalid), size)


@pytest.mark.parametrize(
    "form", ["2026-08-03T10:00:00Z", "2026-08-03 10:00:00", "2026-08-03T10:00:00.5-05:00"]
)
@pytest.mark.parametrize(
    "zone", [dt.UTC, zoneinfo.ZoneInfo("America/New_York"), dt.timezone(-dt.timedelta(hours=6))]
)
def test_instants_of_one_form_come_out_the_same(tmp_path, form, zone):
    table = table_of(tmp_path, "At,N\n" + f"{form},1\n" * 40)
    plan = plan_of(table.header, [Kind.DATE_TIME, Kind.INTEGER], zone=zone)
    assert_same(table, plan)


CELLS = st.one_of(
    st.sampled_from(
        ["", '""', "1", "-0", "1.50", "1e5", "007", "true", "2026-01-01", "2024-09", "2026-08-03T10:00:00Z"]
    ),
    st.from_regex(r"[0-9.,eE+$%-]{1,8}", fullmatch=True),
    st.text(st.sampled_from('a1,"\n\r \t\\{}é😀\x01'), max_size=6),
)


EMPTY = ["", "", ""]


@example([*[EMPTY] * 5, ["", "", ' "'], ["", "", '1"']], [Kind.STRING] * 3, ("raw", "\n"), "fail", 1)
@example([*[EMPTY] * 5, ["", "", ', "'], ["", "", '1"']], [Kind.STRING] * 3, ("raw", "\n"), "fail", 1)
@given(
    rows=st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=12),
    kinds=st.lists(st.sampled_from(Kind), min_size=3, max_size=3),
    form=st.tuples(st.sampled_from(["raw", "all", "needed"]), st.sampled_from(["\n", "\r\n"])),
    invalid=st.sampled_from(["fail", "null"]),
    size=st.integers(1, 60),
)
def test_any_file_comes_out_the_same(tmp_path, rows, kinds, form, invalid, size):
    quoting, end = form

    def written(cell):
        if quoting == "raw" or (quoting == "needed" and not set(cell) & set(',"\r\n')):
            return cell
        return '"' + cell.replace('"', '""') + '"'

    lines = [",".join(written(cell) for cell in row) for row in rows]
    # A first row without quotes, so that there is one way to see how the header divides.
    table = table_of(tmp_path, f"A,B,C{end}1,1,1{end}" + "".join(line + end for line in lines))
    plan = plan_of(table.header, kinds, invalid_values=invalid)
    assert_same(table, plan, size)


@pytest.mark.parametrize("header", ["Trainee,Score", '"Trainee","Score"', ",Score", '"a ""b""",c'])
def test_a_header_in_the_middle_is_dropped_by_both_ways(tmp_path, header):
    table = table_of(tmp_path, f"{header}\n" + "Ada,91\n" * 9 + f"{header}\n" + "Bo,1\n" * 9)
    plan = plan_of(table.header, [Kind.STRING, Kind.STRING])
    for size in (16, 1 << 20):
        assert_same(table, plan, size)
        assert by_block(table, plan, size=size)[0].count(b"\n") == 18


NOTATIONS = [
    Notation(decimal_separator=","),
    Notation(decimal_separator="."),
    Notation(takes_lone_comma=False),
    Notation(null_words=frozenset({"n/a", "1"})),
    Notation(date_format="DD.MM.YYYY"),
    Notation(date_format="MM/DD/YYYY h:mm A"),
]


@pytest.mark.parametrize("notation", NOTATIONS)
def test_what_the_user_says_of_a_file_is_heeded_by_both_ways(tmp_path, notation):
    body = '"1,250","1.250,5",03.08.2026,n/a,1\n"1,250.5","0,125",2026-08-03,x,2\n1,2,3,4,5\n'
    table = table_of(tmp_path, "A,B,C,D,E\n" + body * 9)
    kinds = [Kind.NUMBER, Kind.NUMBER, Kind.DATE, Kind.STRING, Kind.INTEGER]
    for invalid in ("null", "fail"):
        assert_same(table, plan_of(table.header, kinds, invalid_values=invalid, notation=notation), 64)


DATE_FORMATS = [
    "MM/DD/YYYY h:mm A",
    "D-MMM-YYYY",
    "DD.MM.YYYY HH:mm:ss",
    "YYYY/M/DTHH:mm",
    "YYYY-DD-MM",
    "DDMMYYYY",
]


@given(
    date_format=st.sampled_from(DATE_FORMATS),
    moments=st.lists(st.datetimes(dt.datetime(999, 1, 1)), min_size=1, max_size=8),
    odd=st.lists(
        st.tuples(st.integers(0, 18), st.sampled_from(["0", "9", "13", " ", "am", "pm", "", "/", '"'])),
        max_size=4,
    ),
    is_json=st.booleans(),
)
def test_dates_in_a_format_come_out_the_same_and_as_pendulum_reads_them(
    tmp_path, date_format, moments, odd, is_json
):
    texts = [pendulum.instance(moment).format(date_format) for moment in moments]
    for (at, put), text in zip(odd, tuple(texts), strict=False):
        texts.append(text[:at] + put + text[at + 1 :])
    texts += ["2026-08-03", "29.02.2000", "", "12/31/2026 0:05 pm", "1/2/2026 12:00 AM", " 1-Jan-2026"]
    rows = [{"A": text, "B": text, "C": "x"} for text in texts]
    out = io.StringIO()
    writer = csv.DictWriter(out, "ABC", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    content = json.dumps(rows) if is_json else out.getvalue()
    table = table_of(tmp_path, content, format_=FileFormat.JSON if is_json else FileFormat.CSV)
    kinds = [Kind.DATE, Kind.DATE_TIME, Kind.STRING]
    plan = plan_of(table.header, kinds, invalid_values="null", notation=Notation(date_format=date_format))
    assert_same(table, plan, 64)
    for text in texts:
        try:
            expected = pendulum.from_format(text, date_format).naive()
        except ValueError:
            expected = None
        with contextlib.suppress(ValueError):
            assert by_format(text, date_format) == expected or text != text.upper()


def test_lineage_alone_comes_out_the_same(tmp_path):
    table = table_of(tmp_path, "A,B\n" + "1,x\n" * 50)
    plan = plan_of(table.header, [Kind.INTEGER, Kind.STRING])
    assert_same(table, replace(plan, fields=plan.fields[2:]))
    assert_same(table, replace(plan, fields=tuple(reversed(plan.fields))))


def test_a_column_that_is_asked_for_twice_comes_out_the_same(tmp_path):
    table = table_of(tmp_path, "A,B\n" + '1,"x\\"\n' * 50)
    plan = plan_of(table.header, [Kind.INTEGER, Kind.STRING])
    again = replace(plan.fields[1], property="again")
    assert_same(table, replace(plan, fields=(*plan.fields, again)))


def test_errors_come_in_the_order_of_the_rows(tmp_path):
    """The last record has no end in sight, which is seen while the first block is still on its way."""
    table = table_of(tmp_path, 'A,B,C\n1,1,1\n,"",,\n,,0000000\n')
    plan = plan_of(table.header, [Kind.STRING, Kind.STRING, Kind.DATE])
    for size in (1, 2, 8):
        assert_same(table, plan, size)


@given(cells=st.lists(CELLS, min_size=1, max_size=20), kind=st.sampled_from(Kind), size=st.integers(1, 60))
def test_a_single_column_comes_out_the_same(tmp_path, cells, kind, size):
    table = table_of(tmp_path, "Alone\nx\n" + "".join(f"{cell}\n" for cell in cells))
    plan = plan_of(table.header, [kind] * len(table.header), invalid_values="null")
    assert_same(table, plan, size)


SEED = 15


def test_random_files_come_out_the_same_by_the_compiled_module_and_in_python(tmp_path, monkeypatch):
    """A short run of what runs for long at night."""
    monkeypatch.setattr(json_rows, "SIZE", json_rows.SIZE)  # the fuzzer sets it
    maker = Maker(SEED)
    assert [said for _ in range(60) if (said := difference(tmp_path, maker))] == []
