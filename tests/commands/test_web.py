"""`emotion-agent web`, as a person uses it."""

from __future__ import annotations

import io

import pytest

from agent.cli import main
from agent.feedback.web.credentials import Credentials
from agent.settings import WebSettings


def test_a_password_becomes_a_hash_that_only_it_opens(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse\n"))
    assert main(["web", "password"]) == 0
    printed = capsys.readouterr().out.strip()
    assert "correct" not in printed
    credentials = Credentials(WebSettings.model_validate({"password_hash": printed}))
    assert credentials.is_password("correct horse")
    assert not credentials.is_password("correct horse ")


def test_a_short_password_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("horse\n"))
    assert main(["web", "password"]) == 1
    assert "too short" in capsys.readouterr().err


def test_a_printed_token_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["web", "token"]) == 0
    token = capsys.readouterr().out.strip()
    assert Credentials(WebSettings.model_validate({"token": token})).is_token(token)
