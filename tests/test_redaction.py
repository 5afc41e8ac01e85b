"""No secret is shown in any spelling, and no control character reaches a terminal."""

import base64
import html
import itertools
import json
import logging
import sys
import threading
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_reports import redaction
from tap_reports.redaction import RedactingFormatter, add_link, add_secrets, printable, redact


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch):
    monkeypatch.setattr(redaction, "_secrets", {})
    monkeypatch.setattr(redaction, "_links", redaction._Links())


SECRET = 'sEcr3t/+%41bc=ZZ&"<tö p'
SPELLINGS = {
    "plain": lambda secret: secret,
    "percent": lambda secret: quote(secret, safe=""),
    "percent in lower case": lambda secret: (
        quote(secret, safe="").replace("%2F", "%2f").replace("%2B", "%2b")
    ),
    "percent twice": lambda secret: quote(quote(secret, safe=""), safe=""),
    "percent but slashes": quote,
    "as a form writes it": quote_plus,
    "JSON": lambda secret: json.dumps(secret)[1:-1],
    "JSON within JSON": lambda secret: json.dumps(json.dumps(secret))[3:-3],
    "PHP's JSON": lambda secret: json.dumps(secret)[1:-1].replace("/", "\\/"),
    "code points": lambda secret: "".join(
        c if c.isalnum() and c.isascii() else f"\\u{ord(c):04X}" for c in secret
    ),
    "repr": lambda secret: repr(secret)[1:-1],
    "HTML": html.escape,
    "HTML by numbers": lambda secret: "".join(c if c.isalnum() else f"&#{ord(c)};" for c in secret),
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64 for URLs": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode().rstrip("="),
    "base64 of more": lambda secret: base64.b64encode(f"u:{secret}".encode()).decode(),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_secret_is_found_in_every_spelling(spelling):
    add_secrets([SECRET])
    said = SPELLINGS[spelling](SECRET)
    shown = redact(f'{{"sent": "{said}"}}')
    assert "[redacted]" in shown
    assert said[4:-4] not in shown


@given(st.text(st.characters(codec="latin-1"), min_size=8, max_size=40), st.sampled_from(sorted(SPELLINGS)))
def test_any_secret_is_found_in_any_spelling(secret, spelling):
    redaction._secrets.clear()
    try:
        said = SPELLINGS[spelling](secret)
    except UnicodeEncodeError:
        return
    add_secrets([secret])
    if spelling != "base64 of more":
        assert said not in redact(f"it said {said} to us").replace("[redacted]", "")


def test_a_short_secret_leaves_other_words_whole():
    add_secrets(["word", "key"])
    assert redact("a word of passwords, keyword, monkeys") == "a [redacted] of passwords, keyword, monkeys"


def test_a_signed_link_is_hidden_in_all_its_parts():
    add_link("https://h/file/S1gnatureMarked/report.csv?S1gnatureMarkedAgain")
    line = 'https://h:443 "GET /file/S1gnatureMarked/report.csv?S1gnatureMarkedAgain HTTP/1.1" 200 None'
    for text in (line, line.replace("?", " "), "no S1gnatureMarkedAgain"):
        assert "Marked" not in redact(text)


def test_a_link_s_dates_and_names_are_no_secrets():
    add_link("https://h/f.csv?day=2026-11-28&name=report")
    assert redact("slice 2026-11-28 of report f.csv") == "slice 2026-11-28 of report f.csv"


def test_only_the_newest_links_are_remembered():
    """All of them have the same path; each has a query, its value and its pair."""
    for number in range(redaction.MAX_LINK_PARTS // 2 + 10):
        add_link(f"https://h/a-path-that-is-long?signature={number:016}")
    redacted = [f"{number:016}" not in redact(f"at {number:016}") for number in (0, 5, 2000, 2509)]
    assert redacted == [False, False, True, True]
    assert "long" not in redact("GET /a-path-that-is-long")


def test_the_longest_of_several_matching_parts_is_hidden():
    for path in ("/b/the-same-long-end", "/a/b/the-same-long-end"):
        add_link(f"https://h{path}?s")
    assert redact("x/a/b/the-same-long-end") == "x[redacted]"
    assert redact("/b/the-same-long-end") == "[redacted]"


def test_other_threads_may_add_links_meanwhile():
    numbers, done, interval = itertools.count(), threading.Event(), sys.getswitchinterval()

    def add():
        add_link(f"https://h/a-path-that-is-long/{next(numbers)}?signature=0123456789")

    def add_on():
        while not done.is_set():
            add()

    for _ in range(3000):
        add()
    thread = threading.Thread(target=add_on)
    sys.setswitchinterval(1e-6)
    try:
        thread.start()
        for _ in range(1000):
            assert redact("a text") == "a text"
    finally:
        done.set()
        sys.setswitchinterval(interval)
        thread.join()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;owned\x07\x1b[2J\x1b[31mhello", " ]0;owned  [2J [31mhello"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x9b31m \u202eback \x00", " 31m  back  "),
        ("schön 漢字", "schön 漢字"),
    ],
)
def test_control_characters_are_left_out(text, shown):
    assert printable(text) == shown


def test_a_log_line_is_redacted_and_printable_whatever_formats_it():
    add_secrets(["a-marked-secret"])
    record = logging.LogRecord("x", logging.INFO, "f", 1, "%s", ("a-marked-secret \x1b[31m",), None)
    assert RedactingFormatter(None).format(record) == "[redacted]  [31m"
