"""The demo programme, from stand-ins of the fetched material and from the real one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agent.downloads import find
from agent.errors import AgentError
from agent.settings import SourceSettings
from agent.sources.demo import HEIGHT, RATE, WIDTH, DemoReel
from agent.sources.opening import open_source
from agent.sources.source import SourceState
from agent.types import Image


def _programme(folder: Path) -> list[Image]:
    shots = list(DemoReel(lambda name: folder / name).play())
    assert [shot.time for shot in shots] == pytest.approx(
        [index / RATE for index in range(len(shots))]
    )
    return [shot.image for shot in shots]


def _jumps(images: list[Image]) -> list[float]:
    """Mean change of a pixel from each frame to the next, the last one to the first."""
    return [
        float(np.abs(image.astype(np.int16) - following).mean())
        for image, following in zip(images, [*images[1:], images[0]], strict=True)
    ]


def test_every_frame_has_the_same_size_no_cut_is_hard_and_each_run_is_alike(
    demo_material: Path,
) -> None:
    images = _programme(demo_material)
    assert {image.shape for image in images} == {(HEIGHT, WIDTH, 3)}
    assert max(_jumps(images)) < 20
    for image, again in zip(
        images, DemoReel(lambda name: demo_material / name).play(), strict=True
    ):
        assert np.array_equal(image, again.image)


def test_missing_material_is_refused_on_entering() -> None:
    def nowhere(name: str) -> Path:
        raise AgentError(f"{name}: fetch it first")

    with pytest.raises(AgentError, match=r"grace_hopper\.jpg: fetch it first"):
        DemoReel(nowhere)


def test_the_real_programme_lasts_about_half_a_minute() -> None:
    if find("single_face.mp4") is None:
        pytest.skip("demo material not fetched: run `emotion-agent models pull demo`")
    frames = 0
    with open_source(SourceSettings(uri="demo", pace="none", loop=False)) as source:
        while source.state is not SourceState.ENDED:
            frames += source.read(1.0) is not None
    assert 20 * RATE < frames < 35 * RATE
