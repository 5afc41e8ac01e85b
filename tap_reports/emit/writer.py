"""The one writer of Singer messages: JSON with every digit, raw UTF-8, whole blocks at once.

STATE is written when it has changed, encoded once, and a large one not with each job.
"""

from __future__ import annotations

import datetime as dt
import math
import select
import sys
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec
from singer_sdk.helpers._state import StateWriter
from singer_sdk.singerlib.encoding import GenericSingerWriter
from singer_sdk.singerlib.encoding.simple import Message
from singer_sdk.singerlib.messages import SingerMessageType
from typing_extensions import override

from tap_reports.files.numbers import Number

SMALL_BYTES = 8_000
"""A state of this size is written whenever it has changed: some forty jobs on their way."""
LARGE_EVERY_SECONDS = 1.0
"""A larger one so often at most: a thousand jobs would write a hundred MB of STATE else."""


def _encoded(value: Any) -> Any:
    """Return what msgspec can write for a value that it does not know."""
    if type(value) is Number:  # by far the most
        return msgspec.Raw(value.text)
    if isinstance(value, Decimal):
        return msgspec.Raw(str(value).encode())
    if isinstance(value, Mapping):
        return dict(value)
    return value.isoformat(sep="T") if isinstance(value, dt.datetime) else str(value)


class OutputError(OSError):
    """Standard output can't be written: its disk is full, say. A closed pipe is no such error."""


ENCODER = msgspec.json.Encoder(enc_hook=_encoded, decimal_format="number")


class MessageWriter(GenericSingerWriter[bytes, Message]):
    """Writes to standard output, which it flushes after each STATE.

    Targets answer STATE, and a run that is killed must have shown it. A closed output is a
    BrokenPipeError, which passes up.
    """

    @override
    def serialize_message(self, message: Message) -> bytes:
        content = message.to_dict()
        if isinstance(content.get("time_extracted"), dt.datetime):
            content["time_extracted"] = content["time_extracted"].isoformat()
        return ENCODER.encode(content) + b"\n"

    @override
    def write_message(self, message: Message) -> None:
        write = self.write_state if message.type is SingerMessageType.STATE else self.write_block
        write(self.serialize_message(message))

    def write_state(self, line: bytes) -> None:
        """Write the line of a STATE message, and flush."""
        self.write_block(line)
        _flush()

    def write_block(self, data: bytes) -> None:
        """Write whole lines.

        Unbuffered (PYTHONUNBUFFERED) a write that a signal interrupts has written a part only, and so has
        one into a pipe that its other owners do not want to wait for: the rest must follow.

        Raises:
            BrokenPipeError: The reader went away.
            OutputError: It can't be written.
        """
        out = getattr(sys.stdout, "buffer", None)
        if out is None:  # a test's StringIO
            sys.stdout.write(data.decode())
            return
        rest = memoryview(data)
        while rest:
            try:
                written = out.write(rest) or 0
            except BlockingIOError as full:
                written = full.characters_written
            except BrokenPipeError:
                raise
            except OSError as error:
                raise OutputError(error.errno, error.strerror) from error
            rest = rest[written:]
            if rest:
                _wait_for_room()


def _flush() -> None:
    while True:
        try:
            sys.stdout.flush()
        except BlockingIOError:
            _wait_for_room()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(error.errno, error.strerror) from error
        else:
            return


def _wait_for_room() -> None:
    select.select([], [sys.stdout], [])


class StateOutput(StateWriter):
    """Writes the tap's state.

    Args:
        writer: Where the messages go.
        monotonic: The clock, seconds.
    """

    def __init__(self, writer: MessageWriter, monotonic: Callable[[], float]) -> None:
        super().__init__(writer)
        self._writer = writer
        self._monotonic = monotonic
        self._last = b""
        self._at = -math.inf

    @override
    def write_state(self, state: Any) -> None:
        self.put(state)

    def put(self, state: Any, *, now: bool = False, again: bool = False) -> float:
        """Write the state if it has changed and is due.

        Args:
            state: JSON values.
            now: It is due, however large.
            again: Write it also if it has not changed.

        Returns:
            The seconds until it is due; 0 if what is out is up to date.
        """
        time = self._monotonic()
        wait = self._at + LARGE_EVERY_SECONDS - time
        if wait > 0 and len(self._last) > SMALL_BYTES and not now:
            return wait
        line = ENCODER.encode({"type": "STATE", "value": state}) + b"\n"
        if again or line != self._last:
            self._writer.write_state(line)
            self._last, self._at = line, time
        return 0.0


def envelope(stream: str, version: int | None, extracted: dt.datetime) -> tuple[bytes, bytes]:
    """Return what stands before and after a record in its RECORD message."""
    start = {"type": "RECORD", "stream": stream, "record": 0}
    end: dict[str, Any] = {} if version is None else {"version": version}
    end["time_extracted"] = extracted.astimezone(dt.UTC).isoformat()
    return ENCODER.encode(start)[: -len(b"0}")], b"," + ENCODER.encode(end)[1:]
