"""The one walk over the settings' schema: for `--about`, variables, secrets and the plugin definitions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]

ENV_PREFIX = "TAP_REPORTS_"
EACH = "[]"
"""Follows the name of a list: each of its entries."""
_VARIABLE_DEPTH = 2


@dataclass(frozen=True, slots=True)
class SettingPath:
    """One setting of the schema.

    Attributes:
        path: The names that lead to it; a list whose entries are objects ends in `[]` (`reports[]`).
        schema: Its own schema.
        required: What it stands in must have it.
    """

    path: tuple[str, ...]
    schema: Schema
    required: bool = False

    @property
    def name(self) -> str:
        """The path as people write it: `impact.reports[].id`."""
        return ".".join(self.path)

    @property
    def types(self) -> list[str]:
        """The JSON types that it takes, null aside."""
        return types_of(self.schema)

    @property
    def is_secret(self) -> bool:
        """Whether its value must not be shown."""
        return bool(self.schema.get("secret"))

    @property
    def variable(self) -> str:
        """Its environment variable; "" for what stands in a list or deeper than in a block."""
        if len(self.path) > _VARIABLE_DEPTH or any(part.endswith(EACH) for part in self.path):
            return ""
        return f"{ENV_PREFIX}{'_'.join(self.path).upper()}"


def walk(schema: Schema, path: tuple[str, ...] = ()) -> Iterator[SettingPath]:
    """Yield each setting of an object's schema, followed by those within it."""
    required = schema.get("required", ())
    for name, part in schema.get("properties", {}).items():
        yield SettingPath((*path, name), part, name in required)
        yield from walk(part, (*path, name))
        items = part.get("items")
        if isinstance(items, Mapping):
            yield from walk(items, (*path, f"{name}{EACH}"))


def types_of(schema: Schema) -> list[str]:
    """Return the JSON types that a schema takes, null aside."""
    types = schema.get("type", [])
    return [kind for kind in ([types] if isinstance(types, str) else types) if kind != "null"]
