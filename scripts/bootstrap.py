"""Makes virtual environments for the project's commands; needs nothing but Python 3.11 or newer.

Runs on older Pythons far enough to say so, or to hand over to a newer one that is on PATH.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 11)
TOO_NEW = (3, 15)
NAMES = ("python3.13", "python3.12", "python3.14", "python3.11")


class SetupError(Exception):
    """The machine lacks something; the message says what and what to do."""


def require_python() -> None:
    """Return if this Python will do; else start again with one that does, or end with a message."""
    if OLDEST <= sys.version_info[:2] < TOO_NEW:
        return
    here = ".".join(map(str, sys.version_info[:2]))
    for name in NAMES:
        path = shutil.which(name)
        if path and subprocess.run([path, "-c", ""], stderr=subprocess.DEVNULL, check=False).returncode == 0:
            sys.exit(subprocess.run([path, *sys.argv], check=False).returncode)
    sys.exit(f"Python 3.11 to 3.14 is needed; this is {here} and none of {', '.join(NAMES)} is on PATH.")


def environment(folder: Path, requirements: list[str]) -> Path:
    """Return the folder of the commands of a virtual environment that has these requirements.

    It is made again if the Python, the requirements or `pyproject.toml` changed since it was made.

    Args:
        folder: Where it is, or will be.
        requirements: Arguments of `pip install`; the working folder is the project's.

    Raises:
        SetupError: It can't be made.
    """
    commands = folder / ("Scripts" if os.name == "nt" else "bin")
    stamp = folder / "made-for"
    wanted = fingerprint(requirements)
    if stamp.is_file() and stamp.read_text() == wanted:
        return commands
    say(f"making the virtual environment {shown(folder)} (once)")
    shutil.rmtree(folder, ignore_errors=True)
    uv = shutil.which("uv")
    _run(
        [sys.executable, "-m", "venv", *(["--without-pip"] if uv else []), str(folder)],
        "Install Python's venv (Debian: apt install python3-venv).",
    )
    _run(
        [*_installer(uv, commands), *requirements],
        "The Python Package Index, or your mirror, must be reachable.",
    )
    stamp.write_text(wanted)
    return commands


def fingerprint(requirements: list[str]) -> str:
    """Return a name for what an environment is made of."""
    made_of = [ROOT / "pyproject.toml", *sorted((ROOT / "tap_reports" / "speedups").glob("*.[ch]"))]
    texts = [path.read_text(encoding="utf-8") for path in made_of]
    parts = [sys.version, str(ROOT), *requirements, *texts]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _installer(uv: str | None, commands: Path) -> list[str]:
    """Return uv's `pip install` where uv is at hand or can be had, else pip's: slower, the same result."""
    python = str(commands / "python")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if (
        not uv
        and not subprocess.run([*pip, "uv"], cwd=ROOT, stderr=subprocess.DEVNULL, check=False).returncode
    ):
        uv = str(commands / "uv")
    return [uv, "pip", "install", "--quiet", "--python", python] if uv else pip


def _run(command: list[str], remedy: str) -> None:
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        raise SetupError(f"failed: {' '.join(command)}\n{remedy}")


def shown(path: Path) -> str:
    """Return a path as short as it can be typed from the project's folder."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def say(text: str) -> None:
    """Print a line of progress at once."""
    print(f"» {text}", flush=True)
