"""Ten thousand bodies that no honest client sends: none raises, and none costs memory for good."""

from __future__ import annotations

import json
from pathlib import Path

from agent.inference.request import Request
from agent.inference.service import Inference
from tests.inference.strange_bodies import strange_bodies

COUNT = 12_000


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_every_strange_body_gets_an_answer(inference: Inference) -> None:
    bodies = strange_bodies(seed=1, count=COUNT)
    statuses: dict[int, int] = {}
    before = 0
    for start in range(0, COUNT, 8):
        batch = bodies[start : start + 8]
        # Looking for faces takes most of the time: three batches of four do without.
        headers = {"X-Emotion-Crop": "whole"} if start % 32 else {}
        answers = inference.answer([Request((part,), headers=headers) for part in batch])
        for part, answer in zip(batch, answers, strict=True):
            assert answer.status in (200, 400), (answer.body, part.content[:100], part.content_type)
            json.dumps(answer.body, allow_nan=False)
            statuses[answer.status] = statuses.get(answer.status, 0) + 1
        if start == COUNT // 6:
            before = resident()  # by now every kind has come up
    assert resident() < before + 64e6
    assert min(statuses[200], statuses[400]) > COUNT / 20, statuses
