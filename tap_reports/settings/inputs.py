"""What a command is given: configuration, catalog and state, read from files and the environment."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tap_reports.exceptions import ConfigError
from tap_reports.models import Json
from tap_reports.settings.environment import environment_config, merged, no_constant, with_values
from tap_reports.vendors import all_vendors

ENV = "ENV"
DEEPEST = 100
"""As deep as an input may be nested: what copies and checks it has an end."""


@dataclass(slots=True)
class Inputs:
    """What came, and what is wrong with it so far.

    Attributes:
        config: The merged configuration; None where a file of it can't be read, so that it can't be judged.
        errors: One sentence each.
    """

    config: dict[str, Any] | None = field(default_factory=dict)
    catalog: dict[str, Any] | None = None
    state: dict[str, Any] | None = None
    errors: list[str] = field(default_factory=list)

    @contextmanager
    def collected(self) -> Iterator[None]:
        """Note a configuration error, and go on."""
        try:
            yield
        except ConfigError as error:
            self.errors += error.errors


def read_inputs(configs: Sequence[str], catalog: str | None = None, state: str | None = None) -> Inputs:
    """Return what the files hold; later configurations over earlier ones, block by block.

    Args:
        configs: Paths, or `ENV` for the environment variables.
        catalog: Path of the catalog.
        state: Path of the state.
    """
    found = Inputs()
    config: dict[str, Any] = {}
    for name in configs:
        if name == ENV:
            values, errors = environment_config()
            found.errors += errors
            config = merged(config, values)
            continue
        before = len(found.errors)
        with found.collected():
            config = merged(config, read_object(name, "config"))
        if len(found.errors) > before:
            found.config = None
    if found.config is not None:
        found.config = with_values(config)
    with found.collected():
        found.catalog = read_catalog(catalog) if catalog else None
    with found.collected():
        found.state = read_object(state, "state") if state else None
    return found


def read_object(path: str, what: str) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises:
        ConfigError: No such file, not readable, not JSON, not an object.
    """
    try:
        with Path(path).open(encoding="utf-8-sig") as file:
            content = json.load(file, parse_constant=no_constant)
    except OSError as error:
        raise ConfigError([f"--{what} {path}: can't be read ({error.strerror}); check the path."]) from error
    except (ValueError, RecursionError) as error:
        remedy = (
            "pass only the last line" if what == "state" and "Extra data" in str(error) else "check the file"
        )
        raise ConfigError([f"--{what} {path}: is not JSON ({error}); {remedy}."]) from error
    if _is_deep(content):
        raise ConfigError([f"--{what} {path}: is nested more than {DEEPEST} deep; check the file."])
    if not isinstance(content, dict):
        kind = "list" if isinstance(content, list) else "single value"
        raise ConfigError([f"--{what} {path}: must hold a JSON object, not a {kind}."])
    if "type" in content and "value" in content and what == "state":
        raise ConfigError([f'--state {path}: is a whole STATE message; pass only its "value".'])
    if (kind := _kind_of(content)) not in {what, ""}:
        raise ConfigError([f"--{what} {path}: is a {kind}, not a {what}; pass it with --{kind} {path}."])
    return content


def _is_deep(content: Any) -> bool:
    level = [content]
    for _ in range(DEEPEST):
        level = [
            inner
            for value in level
            if isinstance(value, dict | list)
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
    return bool(level)


def _kind_of(content: Json) -> str:
    """Return which of the three files a JSON object is; "" where it could be any."""
    marks = {"catalog": {"streams"}, "state": {"bookmarks"}, "config": {"start_date", *all_vendors()}}
    found = [kind for kind, names in marks.items() if names & content.keys()]
    return found[0] if len(found) == 1 else ""


def read_catalog(path: str) -> dict[str, Any]:
    """Return the catalog in a file.

    Raises:
        ConfigError: As `read_object`; or it is not a catalog.
    """
    from singer_sdk.singerlib import Catalog

    content = read_object(path, "catalog")
    try:
        streams = [one["schema"].get("properties", {}) for one in content["streams"]]
        Catalog.from_dict(copy.deepcopy(content))
        is_catalog = isinstance(content["streams"], list)
        is_catalog &= all(isinstance(properties, dict) for properties in streams)
    except (KeyError, TypeError, AttributeError, ValueError):
        is_catalog = False
    if not is_catalog:
        text = 'is not a Singer catalog ("streams", each with tap_stream_id, schema and metadata)'
        raise ConfigError([f"--catalog {path}: {text}; make one with --discover."])
    return content
