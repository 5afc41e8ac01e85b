"""The page of `--jobs --format html`: a browser shows its bars, in light and dark."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import zlib

import pytest
from test_timeline import NOW, record

from tap_reports.commands.timeline import page

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-component-update",
    "--disable-background-networking",
)


def pixels(png):
    """Return the colours of an 8-bit RGB(A) PNG with their counts."""
    width, _, _, kind = struct.unpack(">IIBB", png[16:26])
    step = {2: 3, 6: 4}[kind]
    data, place = b"", 8
    while place < len(png):
        length, name = struct.unpack(">I4s", png[place : place + 8])
        data += png[place + 8 : place + 8 + length] if name == b"IDAT" else b""
        place += length + 12
    raw, size, before, counts = zlib.decompress(data), width * step, bytes(width * step), {}
    for start in range(0, len(raw), size + 1):
        before = _unfiltered(raw[start], bytearray(raw[start + 1 : start + 1 + size]), before, step)
        for index in range(0, size, step):
            colour = bytes(before[index : index + 3])
            counts[colour] = counts.get(colour, 0) + 1
    return counts


def _unfiltered(kind, line, above, step):
    for index in range(len(line)):
        left = line[index - step] if index >= step else 0
        corner = above[index - step] if index >= step else 0
        up = above[index]
        guess = left + up - corner
        paeth = min((left, up, corner), key=lambda value: abs(guess - value))
        line[index] = (line[index] + (0, left, up, (left + up) // 2, paeth)[kind]) & 255
    return line


@pytest.mark.browser
@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
@pytest.mark.parametrize(
    ("scheme", "colours"),
    [
        (1, {"back": "ffffff", "running": "2f6fdb", "download": "b3641b", "emit": "1f8a4c"}),
        (0, {"back": "0f1419", "running": "5b9bff", "download": "e59a4c", "emit": "45c07a"}),
    ],
    ids=["light", "dark"],
)
def test_a_browser_shows_the_bars_in_light_and_dark(tmp_path, scheme, colours):
    (tmp_path / "page.html").write_text(
        page([record(number) for number in range(1, 5)], [], NOW), encoding="utf-8"
    )
    subprocess.run(
        [
            BROWSER,
            *FLAGS,
            "--window-size=900,500",
            f"--user-data-dir={tmp_path / 'profile'}",
            f"--blink-settings=preferredColorScheme={scheme}",
            f"--screenshot={tmp_path / 'page.png'}",
            (tmp_path / "page.html").as_uri(),
        ],
        check=True,
        capture_output=True,
        timeout=120,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    pixel_counts = pixels((tmp_path / "page.png").read_bytes())
    counts = {name: pixel_counts.get(bytes.fromhex(colour), 0) for name, colour in colours.items()}
    assert counts["back"] > 200_000
    assert min(counts.values()) > 200, counts
    # 30 s, 10 s and 5 s of the same bars: their areas tell their lengths.
    assert counts["running"] > counts["emit"] > counts["download"]
