"""The shipped model and the default detector behind requests, and pictures to send."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.inference.opening import open_inference
from agent.inference.service import Inference
from agent.settings import Settings


@pytest.fixture(scope="session")
def inference(demo_file: Callable[[str], Path]) -> Inference:
    demo_file("blazeface-back")
    return open_inference(Settings())


@pytest.fixture(scope="session")
def astronaut_file(demo_file: Callable[[str], Path]) -> Path:
    """A PNG of 512 x 512, one smiling face."""
    return demo_file("astronaut.png")


@pytest.fixture(scope="session")
def hopper_file(demo_file: Callable[[str], Path]) -> Path:
    """A JPEG of 512 x 600, one neutral face."""
    return demo_file("grace_hopper.jpg")
