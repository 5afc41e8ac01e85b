"""gzip and zip: told apart by their first bytes, read to the end, refused when damaged."""

import builtins
import gzip
import io
import random
import struct
import sys
import zipfile

import pytest
from file_reader import CSV, JSON, XLSX, gzipped, zipped
from hypothesis import given
from hypothesis import strategies as st

from tap_reports.exceptions import FileError
from tap_reports.files import csv_, tables, unpack
from tap_reports.models import Layout

BODY = b"a,b\n" + b"".join(b"%d,%d\n" % (number, number * 7919) for number in range(2000))
RANDOM = random.Random(5)
NOISE = b"a\n" + b"".join(b"%030x\n" % RANDOM.getrandbits(120) for _ in range(20_000))


@pytest.fixture(params=["isal", "standard library"])
def any_gzip(request, monkeypatch):
    """Read gzip with isal, and as where it is not installed."""
    if request.param != "isal":
        for name in ("isal", "isal.igzip", "isal.isal_zlib"):
            monkeypatch.setitem(sys.modules, name, None)


@given(data=st.data())
def test_gzip_in_any_number_of_members_is_the_file(session_reader, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(BODY)), max_size=8)))
    pieces = [BODY[start:end] for start, end in zip([0, *cuts], [*cuts, len(BODY)], strict=True)]
    padding = bytes(data.draw(st.integers(0, 20)))
    with session_reader.table(gzipped(*pieces) + padding).open_text() as stream:
        assert b"a,b\n" + stream.read() == BODY


@given(
    names=st.lists(
        st.text("abc ", min_size=1, max_size=4).map(str.strip).filter(bool), unique=True, min_size=1
    ),
    method=st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]),
)
def test_zip_members_are_sheets_in_order(session_reader, names, method):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for number, name in enumerate(names):
            archive.writestr(f"{name}.csv", f"h\n{number}\n")
    found = session_reader.tables(packed.getvalue())
    assert [(table.sheet, list(table.rows())) for table in found] == [
        (name, [[str(number)]]) for number, name in enumerate(names)
    ]


@pytest.mark.usefixtures("any_gzip")
@pytest.mark.parametrize("content", [BODY, b"", b"a,b\n"])
def test_gzip(reader, content):
    assert reader.everything(gzipped(content)) == reader.everything(content)


@pytest.mark.usefixtures("any_gzip")
@pytest.mark.parametrize(
    "damage",
    [
        lambda packed: packed[:-1],
        lambda packed: packed[:-8],
        lambda packed: packed[: len(packed) // 2],
        lambda packed: packed[:15],
        lambda packed: packed[:3],
        lambda packed: packed + b"\x1f\x8b",
        lambda packed: packed + packed[:-3],
        lambda packed: packed[:-8] + bytes(4) + packed[-4:],
        lambda packed: packed[:-4] + bytes(4),
        lambda packed: packed[:60_000] + bytes([packed[60_000] ^ 0xFF]) + packed[60_001:],
    ],
)
def test_damaged_gzip_is_an_error(reader, damage):
    assert "damaged or truncated" in reader.error(damage(gzip.compress(NOISE)))


@pytest.mark.usefixtures("any_gzip")
@pytest.mark.parametrize("behind", [b"garbage", b"\0\0garbage", b"g" * 1_000_000])
def test_bytes_after_a_whole_gzip_are_warned_of(reader, caplog, behind):
    assert reader.everything(gzipped(BODY) + behind) == reader.everything(BODY)
    assert caplog.text.count("bytes behind the end of the gzip data are left out") == 1


def test_a_zip_of_very_many_files_is_refused_at_once(reader):
    text = reader.error(zipped({f"m{number}.csv": "" for number in range(10_001)}))
    assert "is a zip of 10,001 files; at most 10,000 are read" in text


def test_a_file_that_unpacks_to_more_than_the_user_allows_is_refused(reader):
    for content in (gzipped(BODY), zipped({"a.csv": BODY})):
        text = reader.error(content, Layout(max_bytes=1000))
        assert "GiB: refused" in text
        assert "max_file_gib" in text


def test_the_files_of_a_zip_count_together(reader):
    both = zipped({"a.csv": BODY, "b.csv": BODY})
    assert "GiB: refused" in reader.error(both, Layout(max_bytes=2 * len(BODY) - 1))


def test_names_in_a_zip_are_made_printable(reader):
    assert "\x1b" not in reader.error(zipped({"\x1b]0;owned\x07.bin": "x"}))


def damaged_zip(at, by=0xFF):
    packed = bytearray(zipped({"a.csv": NOISE}))
    packed[at] ^= by
    return bytes(packed)


@pytest.mark.parametrize(
    "content",
    [
        zipped({"a.csv": NOISE})[:-30],
        zipped({"a.csv": NOISE})[:1000],
        b"PK\x03\x04",
        damaged_zip(5_000),
        damaged_zip(200_000),
        # CRC-32 of the central directory: 16 bytes into its entry.
        damaged_zip(zipped({"a.csv": NOISE}).rindex(b"PK\x01\x02") + 16),
    ],
)
def test_damaged_zip_is_an_error(reader, content):
    assert "damaged or truncated" in reader.error(content)


def flagged(flags=0, method=8):
    packed = bytearray(zipped({"a.csv": "a,b\n1,2\n"}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = packed.index(signature) + offset
        struct.pack_into("<HH", packed, place, flags, method)
    return bytes(packed)


def test_encrypted_zip_is_an_error(reader):
    assert "encrypted" in reader.error(flagged(flags=1))


def test_unknown_compression_is_an_error(reader):
    assert "can't be unpacked" in reader.error(flagged(method=9))


def test_folders_and_what_archivers_leave_behind_are_no_sheets(reader):
    content = zipped(
        {
            "out/": "",
            "out/Users.csv": "a\n1\n",
            "__MACOSX/out/._Users.csv": "\x00\x05",
            "out/.DS_Store": "\x00",
            "out/README.txt": "read me",
        }
    )
    assert [table.sheet for table in reader.tables(content)] == ["Users"]


def test_members_of_equal_names_keep_their_folder(reader):
    content = zipped({"x/a.csv": "a\n1\n", "y/a.csv": "a\n2\n"})
    assert [table.sheet for table in reader.tables(content)] == ["x/a", "y/a"]


def test_members_without_a_suffix_are_read(reader):
    content = zipped({"part-0": "a\n1\n", "part-1": "a\n2\n"})
    assert reader.everything(content) == [["1"], ["2"]]


def test_gzip_members_of_a_zip_and_a_zip_in_gzip(reader, tmp_path):
    assert reader.everything(zipped({"a.csv.gz": gzipped(b"a\n", b"1\n")})) == [["1"]]
    (table,) = reader.tables(gzipped(zipped({"a.csv": "a\n1\n"})))
    assert (table.sheet, list(table.rows())) == ("a", [["1"]])
    del table
    assert list(tmp_path.glob("unpacked-*")) == []


def test_json_members_are_sheets(reader):
    content = zipped({"Users.json": '[{"a":1}]', "Scores.json": "[]"})
    assert [(table.sheet, table.header) for table in reader.tables(content, JSON)] == [
        ("Users", ("a",)),
        ("Scores", ()),
    ]


@pytest.mark.parametrize(
    ("members", "says"),
    [({}, "nothing"), ({"report.pdf": "x", "b.png": "y"}, '"report.pdf", "b.png"')],
)
@pytest.mark.parametrize("layout", [CSV, XLSX])
def test_zip_without_a_report_names_what_it_holds(reader, members, says, layout):
    text = reader.error(zipped(members), layout)
    assert f"without a {layout.format} file" in text
    assert says in text


def test_too_many_layers_are_refused(reader):
    content = b"a\n1\n"
    for _ in range(3):
        content = gzipped(content)
    assert reader.everything(content) == [["1"]]
    assert "packed more than" in reader.error(gzipped(content))


@pytest.mark.parametrize("pack", [gzipped, lambda data: zipped({"a.csv": data})], ids=["gzip", "zip"])
def test_bombs_are_refused_before_they_are_unpacked_whole(reader, monkeypatch, pack):
    monkeypatch.setattr(unpack, "BOMB_BYTES", 1 << 20)
    content = pack(b"a\n" + b"0\n" * (4 << 20))
    assert "zip bomb" in reader.error(content)


def test_a_very_repetitive_but_small_file_is_no_bomb(reader):
    content = gzipped(b"a\n" + b"0\n" * 500_000)
    assert len(content) * unpack.BOMB_RATIO < 1_000_000
    assert len(reader.everything(content)) == 500_000


def test_tables_of_a_large_gzip_are_read_as_a_stream(reader, monkeypatch):
    """A file that breaks off late gives its first rows before anyone knows."""
    monkeypatch.setattr(csv_, "cuts", lambda table, _, *offset, cut=csv_.cuts: cut(table, 4096, *offset))
    rows = reader.table(gzip.compress(NOISE)[:-8]).rows()
    assert next(rows)
    with pytest.raises(FileError, match="damaged or truncated"):
        list(rows)


def test_nothing_is_written_to_disk_but_nested_workbooks(reader, monkeypatch):
    files = [reader.file(content) for content in (gzipped(BODY), zipped({"a.csv": BODY}), BODY)]
    opened = builtins.open

    def read_only(path, mode="r", *args, **kwargs):
        assert not set(mode) & set("wax+")
        return opened(path, mode, *args, **kwargs)

    monkeypatch.setattr(builtins, "open", read_only)
    monkeypatch.setattr(io, "open", read_only)
    for file in files:
        (table,) = tables(file, CSV, work_dir=file.path / "not a folder")
        assert sum(1 for _ in table.rows()) == 2000
