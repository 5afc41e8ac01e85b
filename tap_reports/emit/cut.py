"""CSV bytes -> blocks that end where a record ends, quickly; exactly so for properly quoted records."""

from __future__ import annotations

import io
from collections.abc import Generator

LONGEST = 8
"""So many blocks without a record's end in sight, and the quotes are not to be trusted."""


class NoEndError(Exception):
    """No record ends in sight."""


def quick_blocks(stream: io.BufferedIOBase, size: int) -> Generator[bytes, None, None]:
    """Yield all bytes of a stream in blocks of about `size` bytes.

    A line break behind an even number of quotes ends a record, if each quote opens or closes a cell or is
    doubled. Whether they do is for whoever parses the blocks to check: the first block that is not
    well-formed may end anywhere.

    Raises:
        NoEndError: `LONGEST` blocks without such a line break.
    """
    rest = b""
    while chunk := stream.read(size):
        data = rest + chunk
        end = _last_end(data)
        if end:
            yield data[:end]
        elif len(data) > LONGEST * size:
            raise NoEndError
        rest = data[end:]
    if rest:
        yield rest


def _last_end(data: bytes) -> int:
    end = data.rfind(b"\n") + 1
    is_quoted = data.count(b'"', 0, end) % 2
    while end and is_quoted:
        before = data.rfind(b"\n", 0, end - 1) + 1
        is_quoted ^= data.count(b'"', before, end) % 2
        end = before
    return end
