"""Checks all that is no test: ruff, mypy, and that the documents agree with the program.

python3 scripts/run_checks.py
"""

from __future__ import annotations

import subprocess
import sys

from bootstrap import ROOT, SetupError, require_python, say
from run_tests import development

CHECKS = (
    ("ruff", "check"),
    ("ruff", "format", "--check"),
    ("mypy",),
    ("python", "scripts/settings_listing.py", "--check"),
    ("python", "scripts/check_docs.py"),
    ("zensical", "build", "--config-file", "mkdocs.yml", "--strict"),
)


def main() -> int:
    """Run every check, also after one that failed. Returns 1 if any did."""
    try:
        commands = development()
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    failed = []
    for name, *arguments in CHECKS:
        shown = " ".join([name, *arguments])
        say(shown)
        if subprocess.run([commands / name, *arguments], cwd=ROOT, check=False).returncode:
            failed.append(shown)
    for shown in failed:
        print(f"failed: {shown}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    require_python()
    sys.exit(main())
