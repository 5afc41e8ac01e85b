"""JSON read by the compiled module, in blocks, gives the rows that Python reads."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_reports import speedups
from tap_reports.exceptions import FileError
from tap_reports.files import json_rows, tables
from tap_reports.models import FileFormat, Layout, ReportFile

LAYOUT = Layout(format=FileFormat.JSON, records=("Records",))


def table_of(folder, content):
    path = folder / "report.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    (table,) = tables(ReportFile(path=path, job_id="job-1"), LAYOUT, work_dir=folder)
    return table


@pytest.fixture(params=[64, 1 << 21], ids=["blocks", "one block"])
def size(request, monkeypatch):
    monkeypatch.setattr(json_rows, "SIZE", request.param)
    return request.param


@pytest.fixture
def slow(monkeypatch):
    """Reads a file without the compiled module, in one block."""

    def table(folder, content):
        with monkeypatch.context() as patch:
            patch.setattr(speedups, "_compiled", None)
            patch.setattr(json_rows, "SIZE", 1 << 21)
            return table_of(folder, content)

    return table


ROWS = [{"id": number, "name": f"n{number}", "x": number / 8} for number in range(40)]
COMPACT = json.dumps(ROWS, separators=(",", ":"))
ALIKE = {
    "compact": COMPACT,
    "spaced": json.dumps(ROWS),
    "pretty": json.dumps(ROWS, indent=2),
    "pretty with carriage returns": json.dumps(ROWS, indent=2).replace("\n", "\r\n"),
    "space around": f" \n\t{COMPACT}\n\n",
    "byte order mark": b"\xef\xbb\xbf" + COMPACT.encode(),
    "UTF-16": COMPACT.encode("utf-16"),
    "lines": "\n".join(map(json.dumps, ROWS)),
    "lines that end": "".join(f"{json.dumps(row)}\r\n" for row in ROWS),
    "blank lines": "\n\n".join(map(json.dumps, ROWS)) + "\n\n",
    "records": f'{{"Records":{COMPACT}}}',
    "records among others": f'{{"@page": "1", "n" : 2.5, "Records" : {COMPACT} , "more": {{"a": [1]}}}}',
    "escapes": json.dumps([{"a": 'q"\\\n\u2028é😀', "b": "},{"} for _ in range(30)]),
    "no escapes": json.dumps([{"a": "é😀\x7f", "b": 1} for _ in range(30)], ensure_ascii=False),
    "empty text and null": json.dumps([{"a": "", "b": None}, {"a": "null", "b": "\t"}] * 20),
    "a key less": json.dumps([*ROWS, {"id": 1}, *ROWS]),
    "a key more": json.dumps([*ROWS, {"id": 1, "new": True}, *ROWS]),
    "another order": json.dumps([*ROWS, {"x": 1, "id": 2, "name": "n"}, *ROWS]),
    "nested": json.dumps([*ROWS, {"id": {"id": [1.5, {"id": 2}]}, "name": [], "x": 1}, *ROWS]),
    "nested alike": json.dumps([*ROWS, {"id": ROWS, "name": "n", "x": 1}, *ROWS], separators=(",", ":")),
    "numbers": "["
    + ",".join(f'{{"a":{n},"b":1}}' for n in ("1.50", "-0", "-0.0", "1E5", "6.2e-07", 10**30))
    + "]",
    "keys like patterns": json.dumps([{"a.b*(c)[d]": 1, "x|y$": 2, "{}": 3}] * 20)[:-1].replace(
        '"{}"', '"e{}"'
    )
    + "]",
    "texts like JSON": json.dumps([{"a": ',"b":', "b": '{"a":1}'}, {"a": '"},{"a":"', "b": ","}] * 20),
}


ODD = {
    "one object": '[{"a":1,"b":2}]',
    "keys twice": json.dumps(ROWS).replace('"x"', '"id"'),
    "nested from the start": json.dumps([{"a": {"b": 1}}] * 30),
    "a key that begins oddly": json.dumps([{", a": 1, "b": 2}] * 30),
    "keys with escapes": '[{"\\u0061":1,"b\\n":2},{"a":3,"b\\u000a":4},{"\\u0061":5,"a":6}]',
    "half a surrogate pair": json.dumps([{"a": "\ud800", "b": 1}] * 30),
    "half a surrogate pair in a key": json.dumps([{"a\ud800": 1}] * 3),
    "a large exponent": '[{"a":1E+9999},{"a":1}]',
    "empty objects among others": json.dumps([{}, *ROWS, {}, {}]),
    "new keys all the time": json.dumps([{f"k{number}": number, "a": 1} for number in range(50)]),
    "lines of several lines": json.dumps(ROWS[0], indent=1) + "\n" + json.dumps(ROWS[1], indent=1),
}


@pytest.mark.parametrize("name", [*ALIKE, *ODD])
def test_rows_are_the_same(tmp_path, slow, size, name):
    content = {**ALIKE, **ODD}[name]
    table, expected = table_of(tmp_path, content), slow(tmp_path, content)
    assert size
    assert not expected.objects.is_plain
    assert name in ODD or table.objects.is_plain or not speedups.is_compiled()
    assert table.header == expected.header
    assert list(table.rows()) == list(expected.rows()) == list(table.rows())


def test_records_twice_are_an_error(tmp_path):
    with pytest.raises(FileError, match="twice"):
        table_of(tmp_path, f'{{"Records":{COMPACT},"Records":{COMPACT}}}')


def test_what_is_nested_too_deep_is_an_error(tmp_path, slow):
    for read in (slow, table_of):
        with pytest.raises(FileError, match="deeper than 200"):
            read(tmp_path, '[{"a":1},{"a":' + "[" * 100_000 + "]" * 100_000 + "}]")


def test_too_many_keys_are_an_error(tmp_path, monkeypatch, slow):
    monkeypatch.setattr(json_rows, "MAX_COLUMNS", 20)
    for read in (slow, table_of):
        with pytest.raises(FileError, match="too many"):
            read(tmp_path, ODD["new keys all the time"])


def test_a_key_that_is_spelled_in_very_many_ways_is_read_in_python(tmp_path, monkeypatch, slow):
    monkeypatch.setattr(json_rows, "MAX_COLUMNS", 20)
    spellings = [f"{number:05b}".translate({48: "a", 49: "\\u0061"}) for number in range(32)]
    text = json.dumps([{"key": at} for at in range(32)])
    for spelling in spellings:
        text = text.replace("key", spelling, 1)
    table = table_of(tmp_path, text)
    assert not table.objects.is_plain
    assert table.header == ("aaaaa",)
    assert list(table.rows()) == list(slow(tmp_path, text).rows()) == [[at] for at in range(32)]


DAMAGED = {
    "truncated": COMPACT[:-1],
    "truncated in an object": COMPACT[:-20],
    "truncated in the middle": COMPACT[: len(COMPACT) // 2],
    "something after": f"{COMPACT}x",
    "another array after": f"{COMPACT}{COMPACT}",
    "a comma too many": f"{COMPACT[:-1]},]",
    "a comma missing": COMPACT.replace('{"id":20', '{"id":20 "q":1', 1),
    "not a number": COMPACT.replace('"x":0.125', '"x":NaN'),
    "not a number at the end": COMPACT.replace('"x":4.875', '"x":NaN'),
    "a control character": COMPACT.replace("n20", "n\x0120"),
    "no UTF-8": COMPACT.encode().replace(b"n20", b"n\xff20"),
    "no object": COMPACT.replace('{"id":20', '7,{"id":20'),
    "no object at the end": f"{COMPACT[:-1]},7]",
    "leading zero": COMPACT.replace('"id":20', '"id":020'),
    "records truncated": f'{{"Records":{COMPACT}',
    "something after records": f'{{"Records":{COMPACT},"a":}}',
    "no UTF-8 in an array": b'[{"a":"\xff"}]',
    "no UTF-8 in lines": b'{"a":"\xff"}\n{"a":1}\n',
}
SHORT = [
    "[",
    "{",
    '{"a"',
    '[{"a":1},{"a":',
    '[{"a":1}',
    '[{"a":1}]]',
    '[{"a":1}] {"a":2}',
    '[{"a":1} {"a":2}]',
]
SHORT += ['[{"a":NaN}]', '[{"a":1' + "0" * 5000 + "}]", '{"a":1}\n{"a":', '{"a":1}\n{"a":2} x\n']
SHORT += ['{"Records":[{"a":1}]', '{"Records":[{"a":1', '{"Records":[{"a":1}]}}', '{"Records":null']
DAMAGED |= {content[:40]: content for content in SHORT}
WORDS = ("not valid JSON", "truncated", "file.encoding", "not a JSON object")


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_damage_is_told_as_by_the_other_reader(tmp_path, slow, size, content):
    assert size
    said = []
    for read in (slow, table_of):
        with pytest.raises(FileError) as raised:
            list(read(tmp_path, content).rows())
        said.append(str(raised.value))
    assert said[0] == said[1]
    assert "the report" in said[0]
    assert any(word in said[0] for word in WORDS)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.sampled_from('a",:{}[]\\\n é😀'), max_size=8),
)
KEYS = st.text(st.sampled_from("ab.*( "), min_size=1, max_size=4)


@given(data=st.data(), indent=st.sampled_from([None, 1]), ascii_=st.booleans(), lines=st.booleans())
def test_any_objects_give_the_same_rows(tmp_path, monkeypatch, data, indent, ascii_, lines):
    keys = data.draw(st.lists(KEYS, min_size=1, max_size=3, unique=True))
    values = (
        st.one_of(SCALARS, st.lists(st.integers() | st.booleans(), max_size=2))
        if data.draw(st.booleans())
        else SCALARS
    )
    rows = data.draw(st.lists(st.fixed_dictionaries(dict.fromkeys(keys, values)), min_size=2, max_size=12))
    if lines:
        content = "\n".join(json.dumps(row, ensure_ascii=ascii_) for row in rows)
    else:
        content = json.dumps(rows, indent=indent, ensure_ascii=ascii_)
    monkeypatch.setattr(json_rows, "SIZE", data.draw(st.integers(8, 200)))
    found = list(table_of(tmp_path, content).rows())
    monkeypatch.setattr(json_rows, "SIZE", 1 << 21)
    with monkeypatch.context() as patch:
        patch.setattr(speedups, "_compiled", None)
        assert found == list(table_of(tmp_path, content).rows())
