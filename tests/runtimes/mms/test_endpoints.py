"""Addresses of model servers in the settings: every way to write them, and every mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.layers import SettingsError, load

KEY = "runtime.mms.endpoints"


def test_addresses_are_a_list_or_words_with_commas(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text('[runtime.mms]\nendpoints = ["https://[::1]:8443/ml/", "unix:/run/mms.sock"]')
    words = {KEY: "http://board:8080, unix:/run/mms.sock"}

    listed = load(file, environment={}).runtime.mms.endpoints
    spoken = load(overrides=words, environment={}).runtime.mms.endpoints

    assert listed == ("https://[::1]:8443/ml", "unix:/run/mms.sock")
    assert spoken == ("http://board:8080", "unix:/run/mms.sock")


@pytest.mark.parametrize(
    "address",
    ["board:8080", "ftp://board", "http://", "http://board:0", "http://board:99999", "http://b:x",
     "http://me:secret@board", "http://board?x=1", "unix:mms.sock", "http://[::1"],
)  # fmt: skip
def test_an_address_that_cannot_be_one_is_told(address: str) -> None:
    with pytest.raises(SettingsError, match="should be http://host:port or unix:/path") as told:
        load(overrides={KEY: address}, environment={})
    assert len(told.value.problems) == 1


def test_no_address_at_all_is_told() -> None:
    with pytest.raises(SettingsError, match="at least 1 item"):
        load(overrides={KEY: ""}, environment={})
