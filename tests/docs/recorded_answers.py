"""A vendor's API as a list of recorded answers, and a package installed beside the tap."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Handler(BaseHTTPRequestHandler):
    """Answers a call with what was recorded for it; the last answer to a call is given again and again."""

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        call = f"{self.command} {self.path.partition('?')[0]}"
        self.server.calls.append((call, json.loads(body) if body else None))
        answers = self.server.answers.get(call, [404])
        self.answer(answers.pop(0) if len(answers) > 1 else answers[0])

    do_POST = do_GET

    def answer(self, content):
        status, content = (content, "") if isinstance(content, int) else (200, content)
        text = content if isinstance(content, str) else json.dumps(content)
        data = text.replace("{url}", self.server.url).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@contextmanager
def recorded(answers):
    """Serve answers: `METHOD /path` -> what it is answered with, call by call (JSON, text or a status)."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url, server.answers, server.calls = f"http://127.0.0.1:{server.server_port}", answers, []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


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
