"""Waiting for what a source does, for as long as a busy machine may need."""

from __future__ import annotations

import time

import pytest

from agent.sources.source import Source, SourceState
from agent.types import Frame
from tests.patience import PATIENCE


def next_frame(source: Source, patience: float = PATIENCE) -> Frame:
    """The next frame; a source that never recovers fails the test."""
    frame = source.read(patience)
    assert frame is not None, f"{source.name} is {source.state.value}"
    return frame


def wait_for_word(source: Source, caplog: pytest.LogCaptureFixture) -> None:
    """Wait until the source logs something, without a picture."""
    deadline = time.monotonic() + PATIENCE
    while not caplog.records:
        assert time.monotonic() < deadline, f"{source.name} is {source.state.value}"
        assert source.read(0.1) is None


def wait_for(source: Source, state: SourceState) -> None:
    """Read on until the source is in that state."""
    deadline = time.monotonic() + PATIENCE
    while source.state is not state:
        assert time.monotonic() < deadline, f"{source.name} is {source.state.value}"
        source.read(0.02)
