"""Answers of servers that were never seen: each is probabilities, or a fault told in a line."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.inference.bodies import CROPS_TYPE, crops_in
from agent.inference.request import Part
from agent.runtimes.mms.wire import ServerFaultError, decoded, encoded, refusal

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda some: st.lists(some, max_size=9) | st.dictionaries(st.text(), some, max_size=3),
    max_leaves=30,
)


def test_crops_arrive_as_they_were_sent(faces: npt.NDArray[np.uint8]) -> None:
    for crops in (faces, faces[:1], faces[::2, :, ::-1], faces[:0]):
        arrived = crops_in([Part("body", encoded(crops), CROPS_TYPE)], 16)
        np.testing.assert_array_equal(arrived, crops)


def test_rounded_rows_are_made_to_sum_to_one() -> None:
    row = [0.1429] * 7 + [0.0]
    body = json.dumps({"model": "tiny@1.2.3", "probabilities": [row, row]}).encode()

    rows = decoded(body, "tiny@1.2.3", 2)

    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-6)


@settings(max_examples=300, deadline=None)
@given(ANYTHING)
def test_no_answer_does_more_than_be_refused(value: Any) -> None:
    for answer in (value, {"model": "tiny@1.2.3", "probabilities": value}):
        with suppress(ServerFaultError):
            rows = decoded(json.dumps(answer).encode(), "tiny@1.2.3", 1)
            assert rows.shape == (1, 8)
    assert "\n" not in str(refusal(500, json.dumps(value).encode()))


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe", b"[" * 100_000, b'{"probabilities": [[1e999]]}']
)
def test_broken_json_is_refused(body: bytes) -> None:
    with pytest.raises(ServerFaultError):
        decoded(body, "tiny@1.2.3", 1)
    assert str(refusal(503, body)) == "status 503"


def test_numbers_beyond_all_bounds_are_refused() -> None:
    body = b'{"model": "tiny@1.2.3", "probabilities": [[1%s, 0, 0, 0, 0, 0, 0, 0]]}' % (b"0" * 400)

    with pytest.raises(ServerFaultError, match="rows of eight numbers"):
        decoded(body, "tiny@1.2.3", 1)


def test_what_a_server_says_is_cut_to_a_line() -> None:
    body = json.dumps({"message": "a\nb " + "x" * 500}).encode()

    assert str(refusal(400, body)) == f"status 400, a b {'x' * 95}…"
