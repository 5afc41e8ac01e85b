"""The transcripts and pictures in the documents are what a terminal shows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import make_pictures as made
import pytest

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
MAX_BYTES = 200_000
pytestmark = [pytest.mark.documents, pytest.mark.xdist_group("transcripts")]


def shape(text):
    """Return a text with N for each number, on one line."""
    return " ".join(re.sub(r"\d[\d,]*", "N", text).split())


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """Run the transcripts' commands one after the other; return what each showed."""
    return made.run_transcripts(tmp_path_factory.mktemp("transcripts"))


def test_the_page_s_tables_are_those_of_the_program(shown):
    asked = [(command, text) for command, text in made.transcripts() if ">" not in command]
    assert [command.split()[-1] for command, _ in asked] == ["--test", "--plan", "--jobs"]
    for command, text in asked:
        assert made.same(shown[command]) == made.same(text), shown[command]


def test_the_page_s_live_table_is_that_of_the_program(shown):
    ((command, text),) = [one for one in made.transcripts() if ">" in one[0]]
    screen = shape(made.plain(shown[command]))
    for line in text.splitlines():
        stream, days, status, *_ = [*line.split(), "", ""]
        wanted = f"{stream} {shape(days)} {status} " if ".." in days else shape(line)
        assert wanted in screen, line


def test_the_pictures_are_those_of_the_program(shown):
    """Where this fails, `python scripts/make_pictures.py` makes them again."""
    known = json.loads(made.SHOWN.read_text(encoding="utf-8"))
    found = {name: (text, made.said(text)) for name, _, text in made.pictures(shown)}
    assert found["plan"][1] == known["plan"]
    assert len(found["live"][1]) == len(known["live"])
    for name, (text, _) in found.items():
        picture = (made.PICTURES / f"{name}.svg").read_text(encoding="utf-8").replace("&#160;", " ")
        words = {word for word in made.plain(text).split() if word.isalpha()}
        assert words - {word for word in words if word in picture} <= {"pending", "processing", "running"}


def test_the_readme_s_pictures_exist_and_are_small():
    named = re.findall(r"\]\((docs/pictures/[^)]+)\)", README.read_text(encoding="utf-8"))
    assert {Path(name).name for name in named} == {"plan.svg", "live.svg", "timeline.png"}
    assert all((ROOT / name).is_file() for name in named)
    assert sum(one.stat().st_size for one in made.PICTURES.iterdir()) < MAX_BYTES
