"""Makes the pictures of README.md and the transcripts of docs/operations.md, from runs against the sandbox.

python scripts/make_pictures.py    # needs Chromium or Chrome for the timeline's picture

A picture or transcript that says the same as before, numbers aside, is left as it is.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import io
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tap_reports.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "pictures"
PAGE = ROOT / "docs" / "operations.md"
SHOWN = PICTURES / "shown.json"
"""What each picture says, numbers aside."""
TODAY = dt.date(2026, 3, 20)
COLUMNS = 100
TRANSCRIPT = re.compile(r"^```console\n\$ (.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
ERASED = re.compile(r"\x1b\[2K(?:\x1b\[1A\x1b\[2K)+")
"""Between two frames of the live table."""
FONTS = re.compile(r"@font-face \{.*?\}", re.DOTALL)
VARYING = (
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "JOB"),
    (re.compile(r"\b(2\d{3}-)?\d\d-\d\d \d\d:\d\d(:\d\d)?\b"), "TIME"),
    (re.compile(r"─+"), "RULE"),
    (re.compile(r"[ \t]+"), " "),
)
SECONDS = re.compile(r"\b\d+(\.\d+)? s\b|\b\d:\d\d\b")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ("--headless", "--no-sandbox", "--no-first-run", "--hide-scrollbars", "--disable-gpu")


def transcripts() -> list[tuple[str, str]]:
    """Return the commands of docs/operations.md with what the page shows of them."""
    return TRANSCRIPT.findall(PAGE.read_text(encoding="utf-8"))


def on_terminal(command: str, folder: Path) -> str:
    """Return what a terminal shows, escapes included, of a command that must succeed."""
    known = {name: text for name, text in os.environ.items() if name not in {"CI", "NO_COLOR", "COLUMNS"}}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    master, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    with subprocess.Popen(
        [shutil.which("bash") or "bash", "-c", command],
        cwd=folder,
        env={**known, "PATH": path, "TERM": "xterm-256color", "XDG_STATE_HOME": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=terminal,
    ) as process:
        os.close(terminal)
        shown = b""
        with contextlib.suppress(OSError):  # the other side is closed
            while data := os.read(master, 1 << 16):
                shown += data
        os.close(master)
    text = shown.decode().replace("\r", "")
    if process.returncode:
        raise RuntimeError(text)
    return text


def plain(text: str) -> str:
    """Return text without escapes."""
    return ESCAPES.sub("", text)


def run_transcripts(folder: Path) -> dict[str, str]:
    """Run the commands of docs/operations.md one after the other; return what each showed."""
    with Sandbox(rows=10, delay=8, today=TODAY) as sandbox:
        config = {**sandbox.config("digital_turbine"), **sandbox.config("similarweb")}
        daily = {"table": "traffic_and_engagement", "granularity": "daily", "metrics": ["desktop_visits"]}
        config["similarweb"]["reports"] = [{"table": "traffic_and_engagement"}, daily]
        (folder / "config.json").write_text(json.dumps({**config, "start_date": "2026-02-01"}))
        return {command: on_terminal(command, folder) for command, _ in transcripts()}


def frame(shown: str) -> str:
    """Return the live table as it was last before the first job was done."""
    frames = [one for one in ERASED.split(shown) if "0 of 4 jobs done" in one and "Left: " in one]
    busy = [one for one in frames if not re.search("submitting|in line|download|ready|writing", one)]
    lines = busy[-1].strip("\n").splitlines()
    head = next(number for number, line in enumerate(lines) if plain(line).startswith("stream "))
    return "\n".join(lines[head:])  # log lines stand above


def same(text: str) -> Counter[str]:
    """Return the lines without log lines and what differs from run to run, in any order."""
    masked = "\n".join(line for line in plain(text).splitlines() if "| INFO" not in line)
    for pattern, word in VARYING:
        masked = pattern.sub(word, masked)
    return Counter(line.strip() for line in masked.splitlines() if line.strip())


def said(text: str) -> list[str]:
    """Return what a picture says: its lines without what differs from run to run."""
    return sorted(SECONDS.sub("S", re.sub(r"left \d+|\d+ left", "LEFT", line)) for line in same(text))


def svg(command: str, text: str, name: str) -> str:
    """Return a picture of a terminal."""
    console = Console(record=True, width=COLUMNS - 4, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(text.strip("\n")))
    return FONTS.sub("", console.export_svg(title=f"$ {command}", unique_id=name))


def timeline(folder: Path) -> None:
    """Write `timeline.html` and `timeline.png` of two runs; the second has impact.com run its jobs again."""
    start = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=60)
    with Sandbox(rows=10, delay=6) as sandbox:
        config = {**sandbox.config(), "start_date": start.isoformat(), "job_ledger": "jobs.sqlite"}
        for again in (False, True):
            given = json.dumps({**config, "reuse_finished_jobs": not again})
            (folder / "config.json").write_text(given)
            on_terminal("tap-reports --config config.json > messages.jsonl", folder)
        on_terminal("tap-reports --config config.json --jobs --format html > timeline.html", folder)
    if BROWSER is None:
        raise SystemExit("install Chromium or Chrome: the timeline's picture is a screenshot")
    screenshot(folder / "timeline.html", folder / "timeline.png", width=1320, height=620)


def screenshot(page: Path, picture: Path, *, width: int, height: int, is_light: bool = True) -> None:
    """Write a PNG of what a browser shows of a page."""
    subprocess.run(
        [
            str(BROWSER),
            *FLAGS,
            f"--window-size={width},{height}",
            f"--user-data-dir={picture.parent / 'profile'}",
            f"--blink-settings=preferredColorScheme={int(is_light)}",
            f"--screenshot={picture}",
            page.as_uri(),
        ],
        check=True,
        capture_output=True,
        timeout=120,
        env={**os.environ, "HOME": str(picture.parent)},
    )


def new_page(shown: dict[str, str]) -> str:
    """Return docs/operations.md with the transcripts as they are now."""
    text = PAGE.read_text(encoding="utf-8")
    for command, before in transcripts():
        now = frame(shown[command]) if ">" in command else shown[command]
        lines = [line.rstrip() for line in plain(now).strip("\n").splitlines()]
        is_same = said(now) == said(before) if ">" in command else same(now) == same(before)
        if not is_same:
            text = text.replace(f"$ {command}\n{before}", f"$ {command}\n" + "\n".join(lines) + "\n")
    return text


def pictures(shown: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield name, command and text of each picture of a terminal."""
    for command, text in shown.items():
        if command.endswith("--plan"):
            yield "plan", command, text
        elif ">" in command:
            yield "live", command, frame(text)


def main() -> None:
    """Write all that has changed."""
    PICTURES.mkdir(exist_ok=True)
    before = json.loads(SHOWN.read_text(encoding="utf-8")) if SHOWN.exists() else {}
    now = {}
    with tempfile.TemporaryDirectory() as made:
        shown = run_transcripts(Path(made))
        PAGE.write_text(new_page(shown), encoding="utf-8")
        for name, command, text in pictures(shown):
            now[name] = said(text)
            if now[name] != before.get(name):
                (PICTURES / f"{name}.svg").write_text(svg(command, text, name), encoding="utf-8")
    with tempfile.TemporaryDirectory() as made:
        timeline(Path(made))
        page = re.sub(
            r"<style>.*?</style>|<[^>]*>", " ", (Path(made) / "timeline.html").read_text(), flags=re.DOTALL
        )
        now["timeline"] = sorted({re.sub(r"[\d.,:]+", "N", line) for line in said(page)})
        if now["timeline"] != before.get("timeline"):
            shutil.copy(Path(made) / "timeline.png", PICTURES / "timeline.png")
    SHOWN.write_text(json.dumps(now, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
