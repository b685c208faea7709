"""`make fuzz`: what is refused before anything starts."""

from __future__ import annotations

import pytest

from tests.fuzz.__main__ import guided


def test_a_reader_that_is_none_is_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert guided(["settings", "wavves"], 1) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("fuzz: no reader 'wavves'; there are settings, ")
