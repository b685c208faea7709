"""Environments of candidates: made from hashes, and a reason where that fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.candidates import environments
from benchmarks.candidates.environments import Environment, UnavailableError


def test_what_pip_cannot_find_is_the_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(environments, "PROJECT", tmp_path)
    monkeypatch.setattr(environments, "BUILD", tmp_path / "build")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    lock = tmp_path / "requirements" / "peers" / "lost.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text(f"lost==1.0 --hash=sha256:{'0' * 64}\n")
    said: list[str] = []
    with pytest.raises(UnavailableError, match=r"cannot be installed: ERROR: .*lost==1\.0"):
        Environment("lost").make(said.append)
    assert said == ["installing lost into build/lost"]
    assert not (tmp_path / "build" / "lost" / ".made").exists()


def test_an_environment_is_made_once_for_a_lock(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(environments, "PROJECT", tmp_path)
    monkeypatch.setattr(environments, "BUILD", tmp_path / "build")
    lock = tmp_path / "requirements" / "peers" / "none.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text("# nothing\n")
    said: list[str] = []
    for _ in range(2):
        Environment("none").make(said.append)
    assert said == ["installing none into build/none"]
    lock.write_text("# nothing else\n")
    Environment("none").make(said.append)
    assert len(said) == 2
