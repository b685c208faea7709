import threading
from collections.abc import Iterator

import pytest

from tests.patience import PATIENCE
from training.ahead import made_ahead


def test_gives_all_in_their_order() -> None:
    assert list(made_ahead(iter(range(1, 20)))) == list(range(1, 20))
    assert list(made_ahead(iter(()))) == []


def test_the_next_is_made_while_one_is_used() -> None:
    begun = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        begun.set()
        yield 2

    coming = made_ahead(items())
    assert next(coming) == 1
    assert begun.wait(PATIENCE)
    coming.close()  # type: ignore[attr-defined]  # it is a generator
    assert not any(thread.name.startswith("ahead") for thread in threading.enumerate())


def test_what_goes_wrong_is_told_where_it_would_be_used() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("damaged")

    coming = made_ahead(items())
    assert next(coming) == 1
    with pytest.raises(ValueError, match="damaged"):
        next(coming)
