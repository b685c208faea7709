"""The settings of a deployment as the file that the agent reads."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent import layers
from agent.layers import SettingsError
from agent.places import device_folder
from handlers.greengrass.component import as_toml

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def loaded(folder: Path, settings: dict[str, Any]) -> Any:
    file = folder / "agent.toml"
    file.write_text(as_toml(settings))
    return layers.load(file, environment={})


def test_every_kind_of_value_comes_through(tmp_path: Path) -> None:
    read = loaded(
        tmp_path,
        {
            "source": {"uri": 'film "1" of ä\x7f\n.mp4', "fps": None, "loop": False},
            "faces": {"detect_every": 2.0},  # numbers may come back as floats
            "emotion": {"prior": {"anger": 0.2}, "dwell": "0.5"},
            "audio": {"emotions": ["fear", "anger"]},
            "web": {},
        },
    )
    assert (read.source.uri, read.source.loop) == ('film "1" of ä\x7f\n.mp4', False)
    assert (read.source.fps, read.faces.detect_every) == (None, 2)
    assert (read.emotion.prior, read.emotion.dwell) == ({"anger": 0.2}, 0.5)
    assert read.audio.emotions == ("fear", "anger")


def test_the_longest_name_of_a_thing_is_a_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    thing = 64 * "a:"
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    assert device_folder(loaded(tmp_path, {"device": thing}).device).is_dir()


def test_wrong_settings_are_told_all_at_once_in_the_agents_own_words(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as raised:
        loaded(tmp_path, {"faces": {"detektor": "haar"}, "source": {"fps": "many"}})
    unknown, wrong = raised.value.problems
    assert unknown.startswith(f"{tmp_path}/agent.toml:2: unknown setting 'faces.detektor'")
    assert unknown.endswith("did you mean 'faces.detector'?")
    assert wrong.startswith(f"{tmp_path}/agent.toml:3: 'source.fps' is 'many': should be a valid")


_PLAIN = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
_VALUES = st.recursive(
    _PLAIN | st.lists(_PLAIN, max_size=3),
    lambda inner: st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def _without_empty(value: dict[str, Any]) -> dict[str, Any]:
    """Tables without those that hold nothing: such a section says nothing."""
    tables = {
        key: _without_empty(item) if isinstance(item, dict) else item for key, item in value.items()
    }
    return {key: item for key, item in tables.items() if item != {}}


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(), _VALUES, max_size=4))
def test_any_configuration_is_read_as_it_was_given(deployed: dict[str, Any]) -> None:
    assert tomllib.loads(as_toml(deployed)) == _without_empty(deployed)
