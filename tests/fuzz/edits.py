"""Damage done to a file: bytes changed, cut off, put in."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

FILES = settings(max_examples=settings().max_examples // 4, suppress_health_check=list(HealthCheck))
"""For tests that write a file for each example: some milliseconds."""

Edit = tuple[str, float, bytes]
"""What is done, where in the file (0 to 1), and with which bytes."""

EDITS: st.SearchStrategy[list[Edit]] = st.lists(
    st.tuples(
        st.sampled_from(["flip", "write", "insert", "cut", "end"]),
        st.floats(0, 1, exclude_max=True),
        st.binary(min_size=1, max_size=12),
    ),
    min_size=1,
    max_size=8,
)
"""Some of it, in any order."""


def damaged(content: bytes, edits: list[Edit]) -> bytes:
    """The content with that damage, part by part."""
    for kind, where, with_bytes in edits:
        at = int(where * len(content))
        before, behind = content[:at], content[at:]
        size = len(with_bytes)
        if kind == "flip":
            flipped = bytes(a ^ b for a, b in zip(behind, with_bytes, strict=False))
            content = before + flipped + behind[size:]
        elif kind == "write":
            content = before + with_bytes + behind[size:]
        elif kind == "insert":
            content = before + with_bytes + behind
        elif kind == "cut":
            content = before + behind[size:]
        else:
            content = before
    return content
