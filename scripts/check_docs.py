"""Checks the documents: the README's two commands, links, anchors, and settings that they name."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from meltano_definitions import settings

from tap_reports.settings.environment import NOT_SETTINGS

ROOT = Path(__file__).resolve().parent.parent
COMMAND = re.compile(r"^<!-- (\w+) -->\n```\w*\n([^\n]+)\n```$", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
SETTING = re.compile(r"`(similarweb|impact|digital_turbine|second_nature|postbacks)\.([a-z_]+)`")
VARIABLE = re.compile(r"\bTAP_REPORTS_[A-Z_]+\b")


def documents() -> list[Path]:
    """Return all Markdown files of the project."""
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob(".github/**/*.md")])


def commands(readme: str) -> dict[str, str]:
    """Return the README's commands by the name in the comment above each."""
    return dict(COMMAND.findall(readme))


def anchor(heading: str) -> str:
    """Return the anchor that a heading gets."""
    kept = re.sub(r"[^\w\- ]", "", heading.lower())
    return kept.strip().replace(" ", "-")


def anchors(text: str) -> set[str]:
    """Return the anchors of a document."""
    return {anchor(heading) for heading in HEADING.findall(FENCE.sub("", text))}


def problems() -> Iterator[str]:
    """Yield what is wrong, a line each."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in ("quickstart", "tests"):
        if name not in commands(readme):
            yield f"README.md: no one-line block below <!-- {name} -->"
    known = {setting.name for setting in settings()} | {f"{one}.reports" for one in ("impact", "similarweb")}
    named = known | {name.partition(".")[0] for name in known}  # a whole block may be a variable, too
    variables = {f"TAP_REPORTS_{name.replace('.', '_').upper()}" for name in named} | NOT_SETTINGS
    for path in documents():
        text = path.read_text(encoding="utf-8")
        place = str(path.relative_to(ROOT))
        yield from (f"{place}: {problem}" for problem in _broken_links(path, text))
        for block, name in SETTING.findall(text):
            if f"{block}.{name}" not in known:
                yield f"{place}: there is no setting `{block}.{name}`"
        for variable in VARIABLE.findall(text):
            if variable not in variables and not variable.startswith(("TAP_REPORTS__", "TAP_REPORTS_TEST_")):
                yield f"{place}: {variable} is no setting's variable"


def _broken_links(path: Path, text: str) -> Iterator[str]:
    for target in LINK.findall(FENCE.sub("", text)):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, wanted = target.partition("#")
        other = (path.parent / name).resolve() if name else path
        if not other.exists():
            yield f"the link {target} leads nowhere"
        elif wanted and wanted not in anchors(other.read_text(encoding="utf-8")):
            yield f"the link {target} leads to no heading"


def main() -> int:
    """Print what is wrong. Returns 1 if anything is."""
    found = list(problems())
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
