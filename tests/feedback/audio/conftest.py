"""A sound card for every test of the room."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sound_card import Card


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Card:
    card = Card(tmp_path)
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(card.configuration))
    return card
