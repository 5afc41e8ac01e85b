"""Some pieces of work at the same time, their results in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from tap_reports.emit.encoder import Block, Done

T = TypeVar("T")

MOST_THREADS = 4
"""With more, the main thread's reading and writing is what takes the time. One more than there are processors
keeps them busy while the threads take turns at what Python does one thing at a time.
"""


def in_order(tasks: Iterable[Callable[[], Done[T]]]) -> Iterator[Block[T]]:
    """Do some tasks at the same time and yield the blocks that they become, in order.

    Raises:
        StreamError: One that a task hands back behind its blocks.
    """
    threads = min((os.cpu_count() or 1) + 1, MOST_THREADS)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="emit")
    running: deque[Future[Done[T]]] = deque()
    try:
        for task in tasks:
            running.append(pool.submit(task))
            if len(running) >= threads:
                yield from blocks(running.popleft().result())
        while running:
            yield from blocks(running.popleft().result())
    finally:
        pool.shutdown(cancel_futures=True)


def blocks(done: Done[T]) -> Iterator[Block[T]]:
    """Yield the blocks, then raise the error behind them."""
    yield from done.blocks
    if done.error:
        raise done.error
