"""The contract of every `EmotionRuntime`, kept by one that a server reads for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from agent.emotion.manifest import Manifest
from agent.runtimes.mms.runtime import MmsRuntime
from agent.runtimes.runtime import EmotionRuntime
from agent.runtimes.tflite import TfliteRuntime
from agent.settings import MmsSettings
from tests.runtimes import test_runtime_contract as contract
from tests.servers.misbehaving import MisbehavingServer

Model = tuple[Path, Manifest]


@pytest.fixture
def opened(tiny: Model) -> Iterator[contract.Open]:
    """Opens runtimes; in the end, the local model must not have been needed."""
    there = TfliteRuntime(tiny[1], tiny[0])
    settings: list[MmsSettings] = []
    runtimes: list[MmsRuntime] = []

    def open_one(folder: Path, manifest: Manifest, threads: int) -> EmotionRuntime:
        local = TfliteRuntime(manifest, folder, "int8", threads)
        runtimes.append(MmsRuntime(manifest, local, settings[0]))
        return runtimes[-1]

    with ExitStack() as stack:
        server = stack.enter_context(MisbehavingServer(there.predict, there.model, 16))
        settings.append(MmsSettings(endpoints=(server.address,), deadline_ms=10_000))
        yield open_one
        for runtime in runtimes:
            runtime.close()
    assert runtimes
    assert all(runtime.counts.by_local_model == 0 for runtime in runtimes)


@pytest.fixture
def runtime(opened: contract.Open, tiny: Model) -> EmotionRuntime:
    return opened(*tiny, 1)


test_batches = contract.test_every_batch_gives_one_distribution_for_each_face
test_alone = contract.test_a_face_is_read_the_same_alone_and_among_others
test_views = contract.test_a_view_of_a_larger_array_is_read_like_its_copy
test_shapes = contract.test_other_shapes_and_types_are_refused
test_threads = contract.test_more_threads_change_nothing_but_the_time
test_closing = contract.test_a_closed_runtime_reads_nothing_and_can_be_opened_again
test_two = contract.test_two_open_runtimes_do_not_disturb_each_other
