"""Bodies on the wire: what faults put in an answer's place, and pieces of a body."""

from __future__ import annotations

import datetime as dt
import email.utils
import gzip
from collections.abc import Iterator
from pathlib import Path

from tap_reports.sandbox.faults import Action, Fault
from tap_reports.sandbox.http import Answer, answer_json, answer_text

HTML = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>"


def instead(fault: Fault, now: dt.datetime) -> Answer:
    """Return the answer that a fault gives in the vendor's place."""
    if fault.action is Action.HTML:
        return answer_text(fault.body or HTML, 200, "text/html", dict(fault.headers))
    if fault.action is Action.GARBAGE:
        return Answer(200, (fault.body or '{"status": "comp').encode(), headers=dict(fault.headers))
    headers = dict(fault.headers)
    if fault.retry_after == "date":
        headers["Retry-After"] = email.utils.format_datetime(now + dt.timedelta(seconds=1), usegmt=True)
    elif fault.retry_after is not None:
        headers["Retry-After"] = str(fault.retry_after)
    if fault.body is not None:
        return answer_text(fault.body, fault.status, headers=headers)
    return answer_json({"error": f"made-up answer {fault.status}"}, fault.status, headers)


def corrupt(content: bytes) -> bytes:
    """Return gzip data with wrong bytes in its middle."""
    packed = bytearray(gzip.compress(content, mtime=0))
    middle = len(packed) // 2
    packed[middle : middle + 8] = bytes(255 - byte for byte in packed[middle : middle + 8])
    packed[-8:-4] = b"\0\0\0\0"  # the checksum too, in case the wrong bytes still unpack
    return bytes(packed)


def pieces(answer: Answer, first: int, last: int, size: int) -> Iterator[bytes]:
    """Yield the bytes from `first` up to, not including, `last`."""
    if not isinstance(answer.body, Path):
        for at in range(first, last, size):
            yield answer.body[at : min(at + size, last)]
        return
    with answer.body.open("rb") as file:
        file.seek(first)
        left = last - first
        while left > 0 and (piece := file.read(min(size, left))):
            left -= len(piece)
            yield piece
