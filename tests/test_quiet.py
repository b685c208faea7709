from __future__ import annotations

import os

import pytest

from agent.quiet import output_hidden


def test_what_native_code_prints_is_hidden_and_later_output_is_not(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with output_hidden():
        os.write(1, b"native chatter\n")
        os.write(2, b"native chatter\n")
    print("own words")

    assert capfd.readouterr() == ("own words\n", "")


def test_output_comes_back_after_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="inside"), output_hidden():
        raise ValueError("inside")
    os.write(2, b"heard\n")

    assert capfd.readouterr().err == "heard\n"


def test_nothing_is_hidden_when_not_asked(capfd: pytest.CaptureFixture[str]) -> None:
    with output_hidden(hide=False):
        os.write(1, b"heard\n")

    assert capfd.readouterr().out == "heard\n"
