"""How one setting of the configuration is declared, at the top level and in every vendor's block."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

from singer_sdk import typing as th

TEXT, FLAG = th.StringType, th.BooleanType
TEXTS = th.ArrayType(TEXT)
COUNT = th.IntegerType(minimum=0, maximum=2**31 - 1)
POSITIVE = th.IntegerType(minimum=1, maximum=2**31 - 1)
DAYS = th.IntegerType(minimum=0, maximum=100 * 366)
SECONDS = th.NumberType(exclusive_minimum=0, maximum=366 * 86400)
HOURS = th.NumberType(minimum=0, maximum=100 * 366 * 24)
GIB = th.NumberType(exclusive_minimum=0, maximum=2**30)


def setting(
    name: str,
    kind: Any,
    description: str,
    *,
    default: Any = None,
    words: Sequence[str] | None = None,
    required: bool = False,
    secret: bool = False,
) -> th.Property[Any]:
    """Return a setting.

    Args:
        name: As it stands in the configuration; with its `_` as spaces it is also the label in Meltano.
        kind: The type of its value, such as one of those above.
        description: For people, in Markdown: what it does, and the default where it is not a plain value.
        default: What it is where it is not given; None: not set.
        words: The only texts that it may be; None: any.
        required: It must be given.
        secret: It is never shown.
    """
    return th.Property(
        name,
        kind,
        description=description,
        default=default,
        allowed_values=None if words is None else list(words),
        required=required,
        secret=secret,
    )


def settings_object(*settings: th.Property[Any]) -> th.ObjectType:
    """Return the type of an object that holds these settings and no other."""
    return th.ObjectType(*settings, additional_properties=False)


def text(form: str) -> th.CustomType:
    """Return the type of a text of one of the forms of `settings.formats`."""
    return th.CustomType({"type": ["string"], "format": form})


def nearest(name: str, known: Iterable[str], cutoff: float = 0.5) -> str:
    """Return ` Did you mean "x"?` for the nearest known name, whatever its letter case, or ""."""
    by_lower = {str(name_).lower(): str(name_) for name_ in known}
    matches = difflib.get_close_matches(name.lower(), list(by_lower), n=1, cutoff=cutoff)
    return f' Did you mean "{by_lower[matches[0]]}"?' if matches else ""
