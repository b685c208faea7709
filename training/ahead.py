"""Makes what comes next while what is there is worked on."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def made_ahead(items: Iterator[T]) -> Iterator[T]:
    """The items in their order, each made in a thread while its user works on the one before.

    Augmenting a batch keeps one core busy for a tenth of a step or more, in which the step's own
    threads would wait. What making an item raises is raised where it would be used.
    """
    with ThreadPoolExecutor(1, "ahead") as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item
