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
MAX_DEPTH = 100
"""Nesting of an input: what copies and checks it is recursive."""


@dataclass(slots=True)
class Inputs:
    """The merged configuration, catalog and state, and a sentence for each error so far."""

    config: dict[str, Any] = field(default_factory=dict)
    catalog: dict[str, Any] | None = None
    state: dict[str, Any] | None = None
    errors: list[str] = field(default_factory=list)


def read_inputs(configs: Sequence[str], catalog: str | None = None, state: str | None = None) -> Inputs:
    """Return the content of the files (`ENV`: of the environment); later configurations override earlier
    ones, block by block.

    Raises:
        ConfigError: A configuration file can't be read, so that the configuration can't be checked.
    """
    inputs = Inputs()
    has_config = True
    for name in configs:
        if name == ENV:
            values, errors = environment_config()
            inputs.config = merged(inputs.config, values)
            inputs.errors += errors
            continue
        try:
            inputs.config = merged(inputs.config, read_object(name, "config"))
        except ConfigError as error:
            inputs.errors += error.errors
            has_config = False
    with _collecting(inputs.errors):
        inputs.catalog = read_catalog(catalog) if catalog else None
    with _collecting(inputs.errors):
        inputs.state = read_object(state, "state") if state else None
    if not has_config:
        raise ConfigError(inputs.errors)
    inputs.config = with_values(inputs.config)
    return inputs


@contextmanager
def _collecting(errors: list[str]) -> Iterator[None]:
    try:
        yield
    except ConfigError as error:
        errors += error.errors


def read_object(path: str, what: str) -> dict[str, Any]:
    """Return the JSON object in a file; `what` is config, catalog or state.

    Raises:
        ConfigError: No such file, not readable, not JSON, not an object, or not what it should be.
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
    if wrong := _wrong_content(content, path, what):
        raise ConfigError([f"--{what} {path}: {wrong}."])
    return content  # type: ignore[no-any-return]


def _wrong_content(content: Any, path: str, what: str) -> str:
    if _is_too_deep(content):
        return f"is nested more than {MAX_DEPTH} deep; check the file"
    if not isinstance(content, dict):
        return f"must hold a JSON object, not a {'list' if isinstance(content, list) else 'single value'}"
    if "type" in content and "value" in content and what == "state":
        return 'is a whole STATE message; pass only its "value"'
    kind = _kind_of(content)
    return "" if kind in {what, ""} else f"is a {kind}, not a {what}; pass it with --{kind} {path}"


def _is_too_deep(content: Any) -> bool:
    level = [content]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for value in level
            if isinstance(value, dict | list)
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
    return bool(level)


def _kind_of(content: Json) -> str:
    """Return which of the three files a JSON object is; "" if it could be any."""
    marks = {"catalog": {"streams"}, "state": {"bookmarks"}, "config": {"start_date", *all_vendors()}}
    kinds = [kind for kind, names in marks.items() if names & content.keys()]
    return kinds[0] if len(kinds) == 1 else ""


def read_catalog(path: str) -> dict[str, Any]:
    """Return the catalog in a file.

    Raises:
        ConfigError: As for `read_object`, or it is not a catalog.
    """
    from singer_sdk.singerlib import Catalog

    content = read_object(path, "catalog")
    try:
        Catalog.from_dict(copy.deepcopy(content))
        properties = [stream["schema"].get("properties", {}) for stream in content["streams"]]
        are_objects = all(isinstance(part, dict) for part in properties)
        is_catalog = isinstance(content["streams"], list) and are_objects
    except (KeyError, TypeError, AttributeError, ValueError):
        is_catalog = False
    if not is_catalog:
        text = 'is not a Singer catalog ("streams", each with tap_stream_id, schema and metadata)'
        raise ConfigError([f"--catalog {path}: {text}; make one with --discover."])
    return content
