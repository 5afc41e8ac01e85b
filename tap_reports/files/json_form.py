"""How the objects of a JSON file are written, learned from the first two of them.

What programs write repeats itself to the byte: between two values stands the same text in each object. Where
it does, a block of objects can be checked with one pattern, cut with a plain search, and split into columns.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

NUMBER = r"(?:0|-?[1-9][0-9]*|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+(?:[eE][+-]?[0-9]{1,3})?|[eE][+-]?[0-9]{1,3}))"
"""A number whose text is what the row path makes of it: not `-0`, which is 0 there."""
STRING = (
    r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u(?:[0-9a-cefA-CEF][0-9a-fA-F]{3}|[dD][0-7][0-9a-fA-F]{2})))*"'
)
"""A text without any half of a surrogate pair."""
SCALAR = f"(?:{STRING}|{NUMBER}|true|false|null)"

_SPACE = r"[ \t\r\n]*"
_KEY = r'"(?:[^"\\\x00-\x1f]|\\.)*"'
_VALUE = f"(?:{_KEY}|-?[0-9][-+.0-9eE]*|true|false|null)"
_PAIR = f"{_SPACE}({_KEY}){_SPACE}:{_SPACE}"
_OBJECT = re.compile(rf"\{{{_PAIR}{_VALUE}(?:{_SPACE},{_PAIR}{_VALUE})*{_SPACE}\}}")
_MEMBER = re.compile(rf"([{{,]{_PAIR}){_VALUE}({_SPACE})")
_GAP = re.compile(rf"{_SPACE},?{_SPACE}")
_PLAIN_KEY = re.compile(r"\w[^\\]*")
_SPECIAL = frozenset(r"\.+*?()|[]{}^$#&-~")
_WRITTEN = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


@dataclass(frozen=True, slots=True)
class Form:
    """The text around the values of objects that are all written alike.

    Attributes:
        keys: The objects' keys, in order.
        before: What stands before each value, from behind the one before it; the brace first.
        close: What stands behind the last value.
        separator: What stands between two objects.
    """

    keys: tuple[str, ...]
    before: tuple[str, ...]
    close: str
    separator: str

    @property
    def between(self) -> str:
        """What stands between the last value of an object and the first one of the next."""
        return f"{self.close}{self.separator}{self.before[0]}"

    @property
    def texts(self) -> tuple[bytes, ...]:
        """What stands before each value, behind the last one, and between two objects."""
        return tuple(text.encode() for text in (*self.before, self.close, self.separator))

    def pattern(self, values: Mapping[int, str] | None = None) -> str:
        """Return the pattern of objects, each without its close but with the one before it.

        Args:
            values: Patterns of the values at some positions; any scalar elsewhere.
        """
        starts = (self.between, *self.before[1:])
        members = (escaped(start) + (values or {}).get(at, SCALAR) for at, start in enumerate(starts))
        return f"^(?:{''.join(members)})+$"


def learned(text: str) -> Form | None:
    """Return the form of a text that begins with an object; None if its first two are not plainly alike."""
    first = _OBJECT.match(text)
    gap = first and _GAP.match(text, first.end())
    if first is None or gap is None or not _OBJECT.match(text, gap.end()):
        return None
    members = list(_MEMBER.finditer(first[0]))
    keys = tuple(json.loads(found[2]) for found in members)
    if len(set(keys)) < len(keys) or not all(_PLAIN_KEY.fullmatch(found[2][1:-1]) for found in members):
        return None
    spaces = [found[3] for found in members]
    before = (members[0][1], *(space + found[1] for space, found in zip(spaces, members[1:], strict=False)))
    return Form(keys, before, f"{spaces[-1]}}}", gap[0])


def escaped(text: str) -> str:
    """Return the pattern of a text."""
    return "".join(f"\\{one}" if one in _SPECIAL else _WRITTEN.get(one, one) for one in text)
