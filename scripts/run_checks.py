"""Runs the checks beside the tests: ruff, mypy (also of the documents' example), documents.

python3 scripts/run_checks.py
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

from bootstrap import ROOT, SetupError, require_python, say
from run_tests import development

EXAMPLE = ROOT / ".tests" / "acme_reports.py"
"""The vendor of docs/adding-a-vendor.md."""
CHECKS = (
    ("ruff", "check"),
    ("ruff", "format", "--check"),
    ("mypy",),
    ("python", "scripts/settings_listing.py", "--check"),
    ("python", "scripts/check_docs.py"),
    ("ruff", "check", "--ignore", "INP001", str(EXAMPLE)),
    ("ruff", "format", "--check", str(EXAMPLE)),
    ("mypy", str(EXAMPLE)),
    ("zensical", "build", "--config-file", "mkdocs.yml", "--strict"),
)


def main() -> int:
    """Run every check, also after one that failed. Returns 1 if any did."""
    try:
        commands = development()
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    page = (ROOT / "docs" / "adding-a-vendor.md").read_text(encoding="utf-8")
    (code,) = re.findall(r'^```python\n("""Acme.*?)^```$', page, re.MULTILINE | re.DOTALL)
    EXAMPLE.write_text(code, encoding="utf-8")
    failed = []
    if (uv := shutil.which("uv")) and subprocess.run(
        [uv, "lock", "--check"], cwd=ROOT, check=False
    ).returncode:
        failed.append("uv lock --check")
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
