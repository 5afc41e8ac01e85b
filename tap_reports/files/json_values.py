"""JSON values <-> cells, every digit kept."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn

from tap_reports.files.numbers import Number

if TYPE_CHECKING:
    import msgspec

    from tap_reports.files.table import Cell

MAX_DIGITS = 4300
"""Python reads no longer integers."""
LONG = 20
"""A shorter number's exponent is not beyond all bounds."""
NESTED = frozenset({dict, list})

NOT_JSON = (ValueError, ArithmeticError, RecursionError)
"""What decoding raises for what is not JSON, or has a number beyond all bounds."""


def decode(raw: bytes) -> Any:
    """Return a JSON value, its numbers with every digit: `int` or `Number`.

    Raises:
        ValueError: It is not JSON. So say the other errors of `NOT_JSON`.
    """
    import msgspec

    try:
        return _decoder().decode(raw)
    except (msgspec.MsgspecError, *NOT_JSON):
        # It refuses halves of surrogate pairs, which JSON can spell and no UTF-8 output can hold.
        value = json.loads(raw.decode(), parse_int=_integer, parse_float=Number, parse_constant=_refuse)
        return _writable(value)


def decode_at(text: str, at: int) -> tuple[Any, int]:
    """Return the value that begins at a place of a text, its numbers as they are written, and where it ends.

    Raises:
        ValueError: As `decode`, or the text ends before the value does.
    """
    value, end = _scanner().raw_decode(text, at)
    return (_writable(value) if text.find("\\u", at, end) >= 0 else value), end


@cache
def _scanner() -> json.JSONDecoder:
    return json.JSONDecoder(parse_int=_integer, parse_float=_number, parse_constant=_refuse)


def _number(text: str) -> object:
    return text if len(text) < LONG else Number(text)


def _writable(value: Any) -> Any:
    """Return a value without halves of surrogate pairs."""
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case list():
            return [_writable(item) for item in value]
        case dict():
            return {_writable(key): _writable(one) for key, one in value.items()}
    return value


@cache
def _decoder() -> Any:
    import msgspec

    return msgspec.json.Decoder(float_hook=Number)


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number has more than {MAX_DIGITS:,} digits")
    return int(digits)


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def value_cell(raw: str) -> Cell:
    """Return the cell of a value as it stands in the file."""
    return cell(decode(raw.encode()))


def cell(value: Any) -> Cell:
    """Return the cell of a value: an empty text is null, what is nested is JSON text."""
    return None if value == "" else json_text(value) if type(value) in NESTED else value


def json_text(value: Any) -> str:
    """Return what is nested in a row, as JSON."""
    return _encoder().encode(value).decode()


@cache
def _encoder() -> msgspec.json.Encoder:
    import msgspec

    def written(value: Number) -> msgspec.Raw:
        return msgspec.Raw(str(value).encode())

    return msgspec.json.Encoder(decimal_format="number", enc_hook=written)
