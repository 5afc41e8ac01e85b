"""A vendor's API as a list of recorded answers, and a package installed beside the tap."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from fake_http import Answer, FakeServer, as_text

ROOT = Path(__file__).resolve().parents[2]


class Recorded(FakeServer):
    """Answers `METHOD /path` with what was recorded for it, call by call; the last answer again and again.

    Args:
        answers: JSON, text or a status, by call; `{url}` in them is the server's.
    """

    def __init__(self, answers):
        super().__init__()
        self.answers = answers

    def answer(self, call):
        answers = self.answers.get(f"{call.method} {call.path}", [404])
        content = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(content, int):
            return Answer(content)
        text = content if isinstance(content, str) else json.dumps(content)
        return as_text(text.replace("{url}", self.url))

    def bodies(self, method, path):
        """Return what came with each of these calls."""
        return [
            json.loads(one.body or "null") for one in self.calls if (one.method, one.path) == (method, path)
        ]


def install(folder, name, point, **modules):
    """Make what an installed package with one entry point looks like."""
    folder.mkdir(exist_ok=True)
    for module, code in modules.items():
        (folder / f"{module}.py").write_text(code)
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[tap_reports.vendors]\n{point}\n")


def run_tap(folder, config, *arguments):
    """Run the program in a folder that has `packages`."""
    (folder / "config.json").write_text(json.dumps(config))
    return subprocess.run(
        [sys.executable, "-m", "tap_reports", "--config", "config.json", *arguments],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": f"{folder / 'packages'}:{ROOT}",
            "XDG_STATE_HOME": str(folder),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def messages_of(done):
    """Return the Singer messages of a run, numbers with their digits."""
    return [json.loads(line, parse_float=str) for line in done.stdout.splitlines()]
