"""Makes a virtual environment with the project and runs the tests in it.

python3 scripts/run_tests.py                 # the tests, about 3 minutes on 2 cores
python3 scripts/run_tests.py --fast          # files, slices, settings, vendors' requests: seconds
python3 scripts/run_tests.py --slow          # those that install packages, start a browser or end runs
python3 scripts/run_tests.py --slow --last-failed  # those that failed, one after the other
python3 scripts/run_tests.py tests/files -q  # other arguments go to pytest
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

from bootstrap import ROOT, SetupError, environment, require_python

SLOW = "installs or browser or s3 or hostile or kill_matrix or documents"
FAST = ("tests/files", "tests/settings", "tests/sync", "tests/vendors", "tests/test_architecture.py")
ON_ALL_CORES = ("--numprocesses", str(2 * (os.cpu_count() or 1)), "--dist", "loadgroup")
"""Most tests wait for a process more than they compute. Tests of one group, which install the same packages,
stay in one process.
"""
FOLDER = ROOT / ".tests" / "venv"


def development() -> Path:
    """Return the commands of the environment with the project and all that its development needs.

    Raises:
        SetupError: It can't be made.
    """
    return environment(FOLDER, ["--editable", ".[postgres,s3]", *_group("dev")])


def _group(name: str) -> list[str]:
    """Return the requirements of a dependency group; older versions of pip can't read them."""
    tomllib = importlib.import_module("tomllib")  # here: an older Python must get as far as saying so
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    found: list[str] = []
    for entry in groups[name]:
        found.extend([entry] if isinstance(entry, str) else _group(entry["include-group"]))
    return found


def _last_failed() -> list[str]:
    """Return the tests that failed in the last run. pytest's own `--last-failed` does not find those of a
    group, as pytest-xdist adds the group to their names, and runs all then.
    """
    noted = ROOT / ".pytest_cache/v/cache/lastfailed"
    names = json.loads(noted.read_text(encoding="utf-8")) if noted.is_file() else {}
    return sorted(name if name.endswith("]") else name.rpartition("@")[0] or name for name in names)


def main() -> int:
    """Run pytest with the arguments given. Returns its exit status."""
    try:
        python = development() / "python"
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    chosen = {
        (): [*ON_ALL_CORES, "-m", f"not ({SLOW})"],
        ("--slow",): [*ON_ALL_CORES, "-m", SLOW],
        ("--slow", "--last-failed"): ["-m", SLOW, *_last_failed()],
        ("--fast",): [*ON_ALL_CORES, "-m", f"not ({SLOW})", *FAST],
    }
    arguments = chosen.get(tuple(sys.argv[1:]), sys.argv[1:])
    path = os.pathsep.join([str(python.parent), os.environ.get("PATH", "")])
    return subprocess.run(
        [python, "-m", "pytest", *arguments],
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        check=False,
    ).returncode


if __name__ == "__main__":
    require_python()
    sys.exit(main())
