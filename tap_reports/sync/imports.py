"""Imports that cost the start of a command less."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module


@contextmanager
def fast_imports() -> Iterator[None]:
    """Import without the garbage collector: what comes in stays until the program ends."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def import_meanwhile(name: str) -> None:
    """Begin to import a heavy module while there is something to wait for."""
    threading.Thread(target=import_module, args=(name,), name=f"import {name}").start()
