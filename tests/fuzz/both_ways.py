"""Random report files through the compiled module and through Python.

`python tests/fuzz/both_ways.py --seconds 600`: both ways must give the same messages, errors and counts. A
file for which they do not is kept. CI runs this under the sanitizers, at night for longer; a short run is one
of the tests.
"""

from __future__ import annotations

import argparse
import datetime as dt
import gzip
import json
import random
import sys
import tempfile
import time
import zoneinfo
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "emit"))

from emitting import by_block, by_row, plan_of, table_of

from tap_reports import speedups
from tap_reports.exceptions import FileError
from tap_reports.files import json_rows
from tap_reports.files.table import USUAL, Notation
from tap_reports.models import FileFormat, Kind

ZONES = (dt.UTC, zoneinfo.ZoneInfo("America/New_York"), dt.timezone(-dt.timedelta(hours=6)))
PLAIN = {
    Kind.STRING: ["x", "Grüße", "a b", "😀"],
    Kind.INTEGER: ["1", "-20", "999", "0"],
    Kind.NUMBER: ["1.50", "-0.25", "3", "6.2e-07"],
    Kind.BOOLEAN: ["true", "false"],
    Kind.DATE: ["2026-01-01", "2024-02-29"],
    Kind.DATE_TIME: ["2026-08-03T10:00:00Z", "2026-08-03 10:00:00"],
}
NASTY = [
    *(
        "",
        " ",
        "1,234",
        "$1,234.50",
        "1.234,5",
        "0,125",
        "44%",
        "-0",
        "-0.0",
        "007",
        "+5",
        ".5",
        "5.",
        "NaN",
        "1e999",
    ),
    *(
        "1e999",
        "1E+400",
        "9" * 19,
        "9" * 45,
        "0." + "1" * 40,
        "True",
        "yes",
        "2026-1-1",
        "20260101",
        "2026-02-30",
    ),
    *(
        "Aug 3, 2026",
        "2026-08",
        "1900-02-28",
        "2000-02-29",
        "2026-08-03 10:00",
        "2026-08-03T10:00:00.123456789Z",
    ),
    *(
        "2026-08-03T10:00:00+05:30",
        "2026-08-03T10:00:00-00:00",
        '="00123"',
        '"',
        '""',
        'a"b',
        "a\nb",
        "a\r\nb",
    ),
    *("\t", "\\", "\x01", "\x7f", "\u2028", "null", "{}", "},{", ',"b":', " 1 "),
]
BITS = [
    b'"',
    b"\r",
    b"\n",
    b"\x00",
    b",",
    b"\xff",
    b"\xed\xa0\x80",
    b"\\",
    b"{",
    b"}",
    b"\xef\xbb\xbf",
    b'""',
    b"null",
]


LEAVES = [
    "0",
    "-0",
    "1.50",
    "1E5",
    "9" * 25,
    "null",
    "true",
    '""',
    '"x"',
    '"é😀"',
    '"\\u00e9\\n"',
    '"\\ud83d"',
]
"""Values within others, as they are spelled."""
INNER_KEYS = ["a", "b", "a key of some length", "\\u0061", "é"]


class Maker:
    """Makes files: mostly plain ones, with odd cells, odd quotes, and damage."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def file(self) -> tuple[bytes, FileFormat, list[Kind]]:
        """Return a file's bytes, its format and the kinds of its columns."""
        kinds = self.random.choices(list(Kind), k=self.random.choice([1, 2, 3, 4, 6]))
        rows = self.random.choice([1, 2, 5, 30, 100])
        odd = self.random.choice([0, 0, 0.02, 0.2])
        table = [[self._cell(kind, odd) for kind in kinds] for _ in range(rows)]
        is_csv = self.random.random() < 0.5
        data = self._csv(table) if is_csv else self._json(table, odd)
        if self.random.random() < 0.4:
            data = self._damaged(data)
        if self.random.random() < 0.1:
            data = gzip.compress(data)
        return data, FileFormat.CSV if is_csv else FileFormat.JSON, kinds

    def _cell(self, kind: Kind, odd: float) -> str:
        if self.random.random() < 0.05:
            return ""
        return self.random.choice(NASTY if self.random.random() < odd else PLAIN[kind])

    def _csv(self, table: list[list[str]]) -> bytes:
        quoting = self.random.choice(["raw", "all", "needed", "needed"])
        end = self.random.choice(["\n", "\n", "\r\n"])

        def written(cell: str) -> str:
            if quoting == "raw" or (quoting == "needed" and not set(cell) & set(',"\r\n')):
                return cell
            return '"' + cell.replace('"', '""') + '"'

        lines = [",".join(map(written, row)) for row in table]
        header = ",".join("ABCDEFGH"[: len(table[0])])
        return (end.join([header, *lines]) + self.random.choice(["", end])).encode("utf-8", "replace")

    def _json(self, table: list[list[str]], odd: float) -> bytes:
        choose, space = self.random.choice, self.random.choice(["", "", " ", "\n  "])

        key = choose(["k%d", "k%d", "%d: more than sixteen bytes", "\\u006b é %d"])
        nested_at = choose([-1, self.random.randrange(len(table[0]))])

        def value(cell: str) -> str:
            plain = cell in {"true", "false", "null", "{}"} or (
                cell and cell[-1].isdigit() and _is_json(cell)
            )
            if plain and self.random.random() < 0.8:
                return cell
            if self.random.random() < odd:
                return choose(["null", self._nested(), '"\\ud800"', '"\\/"', "-0", "1E5", '"\\u0041"'])
            return json.dumps(cell, ensure_ascii=choose([True, False]))

        def one(row: list[str]) -> str:
            values = [self._nested() if at == nested_at else value(cell) for at, cell in enumerate(row)]
            pairs = [f'"{key % at}":{space}{one}' for at, one in enumerate(values)]
            if self.random.random() < odd:
                self.random.shuffle(pairs)
            if self.random.random() < odd:
                del pairs[self.random.randrange(len(pairs) + 1) :]
                pairs.append(f'"new{self.random.randrange(3)}":1')
            return "{" + f",{space}".join(pairs) + choose(["", "", space]) + "}"

        objects = [one(row) for row in table]
        match choose(["array", "lines", "records", "reports"]):
            case "lines":
                text = choose(["\n", "\r\n"]).join(objects) + choose(["", "\n"])
            case "records":
                text = '{"meta":1,"Records":[' + ",".join(objects) + choose(["]}", '],"x":{"y":[2]}}'])
            case "reports":
                text = '{"reports":[{"sheet_name":"S","data":[' + ", ".join(objects) + "]}]}"
            case _:
                text = "[" + choose([",", ", ", ",\n"]).join(objects) + "]"
        return text.encode("utf-8", "surrogatepass")

    def _nested(self, depth: int = 0) -> str:
        choose, space = self.random.choice, self.random.choice(["", "", " ", "\r\n\t"])
        if depth and self.random.random() < 0.25 * depth:
            return choose(LEAVES)
        inner = [self._nested(depth + 1) for _ in range(self.random.randrange(4))]
        is_object = choose([True, False])
        if is_object:
            inner = [f'"{choose(INNER_KEYS)}"{space}:{space}{one}' for one in inner]
        return "[{"[is_object] + f"{space},".join(inner) + space + "]}"[is_object]

    def _damaged(self, data: bytes) -> bytes:
        found = bytearray(data)
        for _ in range(self.random.choice([1, 1, 2])):
            at = self.random.randrange(len(found) + 1)
            match self.random.randrange(3):
                case 0:
                    del found[at : at + self.random.randrange(1, 20)]
                case 1:
                    found[at:at] = self.random.choice(BITS)
                case _:
                    found[at:at] = found[max(0, at - self.random.randrange(1, 30)) : at]
        return bytes(found)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


@contextmanager
def python_only() -> Iterator[None]:
    """Do without the compiled module."""
    compiled, speedups._compiled = speedups._compiled, None
    try:
        yield
    finally:
        speedups._compiled = compiled


def difference(folder: Path, maker: Maker) -> str:
    """Make a file and return how the ways differ on it; "" if they do not."""
    data, format_, kinds = maker.file()
    (folder / "last").write_bytes(data)
    notation = maker.random.choice([USUAL, USUAL, Notation(decimal_separator=",")])
    invalid, zone = maker.random.choice(["fail", "null"]), maker.random.choice(ZONES)
    size = maker.random.choice([7, 40, 200, 1000])
    json_rows.SIZE = maker.random.choice([20, 64, 300, 1 << 21])

    def result(write: Callable[..., tuple[bytes, str | None, object]], **more: int) -> tuple[object, ...]:
        try:
            table = table_of(folder, data, "report", format_)
        except FileError as error:
            return b"", f"FileError: {error}", None
        except StopIteration:
            return b"", None, None
        columns = (kinds * len(table.header))[: len(table.header)]
        plan = plan_of(table.header, columns, invalid_values=invalid, zone=zone, notation=notation)
        return write(table, plan, **more)

    compiled = result(by_block, size=size)
    with python_only():
        expected = result(by_row)
    # Whether an invalid value or damage behind it is met first depends on the blocks.
    errors = {str(one[1]).partition(":")[0] for one in (compiled, expected)}
    if "FileError" in errors <= {"FileError", "InvalidValue"}:
        longer, shorter = sorted((compiled[0], expected[0]), key=len, reverse=True)  # type: ignore[arg-type]
        return "" if longer.startswith(shorter) else "lines before an error"  # type: ignore[attr-defined]
    return "" if compiled == expected else f"{compiled!r:.2000}\n{expected!r:.2000}"


def main() -> int:
    """Compare for some time; returns how many files differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument(
        "--keep", type=Path, default=Path("fuzz-finds"), help="where files that differ are kept"
    )
    chosen = parser.parse_args()
    maker, ends, files, finds = Maker(chosen.seed), time.monotonic() + chosen.seconds, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < ends:
            files += 1
            if said := difference(Path(folder), maker):
                finds += 1
                chosen.keep.mkdir(exist_ok=True)
                (chosen.keep / f"{chosen.seed}-{files}").write_bytes((Path(folder) / "last").read_bytes())
                print(f"seed {chosen.seed}, file {files}: {said}")
    print(f"seed {chosen.seed}: {files:,} files, {finds} differ")
    return min(finds, 1)


if __name__ == "__main__":
    raise SystemExit(main())
