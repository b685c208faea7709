"""The runtime of model servers against real sockets: who reads, and what every fault leads to."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

import numpy as np
import numpy.typing as npt
import pytest

from agent.emotion.manifest import Manifest
from agent.runtimes.mms.runtime import MmsRuntime
from agent.runtimes.tflite import TfliteRuntime
from agent.settings import MmsSettings
from tests.patience import PATIENCE
from tests.servers.misbehaving import MisbehavingServer

Model = tuple[Path, Manifest]
Faces = npt.NDArray[np.uint8]

ROOMY = 5_000.0
"""A deadline, in milliseconds, that no server misses because the machine is busy."""


NO_WORD = "no model server has answered yet; the local model reads"


class Bench:
    """Servers, and runtimes that use them, each closed in the end."""

    def __init__(self, tiny: Model, stack: ExitStack) -> None:
        self.health: list[str] = []
        self._tiny = tiny
        self._stack = stack

    def local(self) -> TfliteRuntime:
        folder, manifest = self._tiny
        return TfliteRuntime(manifest, folder)

    def server(self, unix: Path | None = None, behaviour: str = "good") -> MisbehavingServer:
        local = self.local()
        server = MisbehavingServer(local.predict, local.model, 16, unix)
        server.behaviour = behaviour
        return self._stack.enter_context(server)

    def runtime(self, *servers: MisbehavingServer | str, deadline_ms: float = ROOMY) -> MmsRuntime:
        settings = MmsSettings(
            endpoints=tuple(s if isinstance(s, str) else s.address for s in servers),
            deadline_ms=deadline_ms,
            probe_interval=0.2,
        )
        runtime = MmsRuntime(self._tiny[1], self.local(), settings, self.health.append)
        self._stack.callback(runtime.close)
        return runtime


@pytest.fixture
def bench(tiny: Model, caplog: pytest.LogCaptureFixture) -> Iterator[Bench]:
    caplog.set_level(logging.INFO, "agent.runtimes.mms")
    with ExitStack() as stack:
        yield Bench(tiny, stack)


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition for as long as a busy machine may need."""
    end = monotonic() + PATIENCE
    tick = threading.Event()
    while not condition():
        assert monotonic() < end, "it never happened"
        tick.wait(0.01)


def nobody(bench: Bench) -> str:
    """An address at which nothing listens."""
    server = bench.server()
    server.stop()
    return server.address


def test_the_crops_of_a_frame_are_one_request_with_what_the_handler_expects(
    bench: Bench, faces: Faces
) -> None:
    server = bench.server()
    runtime = bench.runtime(server)

    given = runtime.predict(faces[:7])

    np.testing.assert_allclose(given, bench.local().predict(faces[:7]), atol=1e-6)
    (sent,) = (number for number, crops in enumerate(server.batches) if crops == 7)  # no trial
    assert server.paths[sent] == "/predictions/tiny"
    assert server.headers[sent]["content-type"] == "application/x-npy"
    assert (runtime.counts.by_server, runtime.counts.by_local_model) == (1, 0)
    assert (runtime.model, runtime.kind) == ("tiny@1.2.3", "mms")


def test_connections_are_kept_open(bench: Bench, faces: Faces) -> None:
    server = bench.server()
    runtime = bench.runtime(server)

    for _ in range(30):
        runtime.predict(faces[:1])

    assert runtime.counts.by_server == 30
    assert server.connections <= 2


def test_a_server_that_closes_each_connection_is_used_all_the_same(
    bench: Bench, faces: Faces, caplog: pytest.LogCaptureFixture
) -> None:
    server = bench.server()
    server.keeps_open = False
    runtime = bench.runtime(server)

    for _ in range(30):
        runtime.predict(faces[:1])

    assert runtime.counts.by_server == 30
    assert server.connections > 30
    assert [r.levelname for r in caplog.records] == ["INFO"]


def test_a_unix_socket_is_a_server_too(bench: Bench, faces: Faces, tmp_path: Path) -> None:
    server = bench.server(unix=tmp_path / "mms.sock")
    runtime = bench.runtime(server)

    np.testing.assert_allclose(runtime.predict(faces), bench.local().predict(faces), atol=1e-6)
    assert runtime.counts.by_server == 1


def test_more_faces_than_a_request_may_hold_are_read_in_order(bench: Bench, faces: Faces) -> None:
    server = bench.server()
    runtime = bench.runtime(server)
    many = np.concatenate([faces] * 5)

    given = runtime.predict(many)

    np.testing.assert_allclose(given, bench.local().predict(many), atol=1e-6)
    assert server.batches[-3:] == [64, 64, 37]


def test_the_servers_name_of_the_model_is_a_setting(bench: Bench, tiny: Model) -> None:
    server = bench.server()
    settings = MmsSettings(endpoints=(server.address,), model="fer+5%?")
    MmsRuntime(tiny[1], bench.local(), settings).close()

    assert server.paths[-1] == "/predictions/fer%2B5%25%3F"


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ("hang up", "it closes the connection"),
        ("reset", "it closes the connection"),
        ("half", "its answer breaks off"),
        ("not http", "it does not speak HTTP"),
        ("not json", "its answer is not JSON"),
        ("no probabilities", "its answer has no probabilities: it is not this agent's handler"),
        ("other model", "it serves the model other@9.9.9, not tiny@1.2.3"),
        ("seven", "its probabilities are not rows of eight numbers"),
        ("few", "it answers for more or fewer faces than were sent"),
        ("sums", "its probabilities do not sum to one"),
        ("nan", "its probabilities do not sum to one"),
        ("huge", "its answer is too long"),
        ("302", "status 302, it is 302"),
        ("404", "status 404, it is 404"),
        ("500", "status 500, it is 500"),
        ("503", "status 503, it is 503"),
        ("drip", "no answer"),
        ("hang", "no answer"),
    ],
)
def test_every_fault_is_told_in_words_while_the_local_model_reads(
    bench: Bench,
    faces: Faces,
    caplog: pytest.LogCaptureFixture,
    behaviour: str,
    words: str,
) -> None:
    server = bench.server(behaviour=behaviour)
    runtime = bench.runtime(server, deadline_ms=2000)

    given = runtime.predict(faces)

    np.testing.assert_array_equal(given, bench.local().predict(faces))
    until(lambda: bench.health[-1:] == [f"{server.address}: {words}; the local model reads"])
    (told,) = [line for line in caplog.messages if line != NO_WORD]  # that of the slow ones
    assert told == f"model server {server.address}: {words}; the local model reads"

    server.behaviour = "good"
    until(lambda: runtime.servers[0].ready)
    runtime.predict(faces)
    assert (runtime.counts.by_server, runtime.counts.by_local_model) == (1, 1)
    until(lambda: bench.health[-1] == "ok")
    assert caplog.messages[-1] == f"model server {server.address} answers: it reads the faces"


def test_a_killed_server_costs_no_frame_and_is_used_again_when_it_returns(
    bench: Bench, faces: Faces, caplog: pytest.LogCaptureFixture
) -> None:
    server = bench.server()
    runtime = bench.runtime(server)
    expected = bench.local().predict(faces)
    runtime.predict(faces)

    server.stop()
    for _ in range(5):
        np.testing.assert_allclose(runtime.predict(faces), expected, atol=1e-6)
    assert runtime.counts.by_local_model == 5
    assert "; the local model reads" in bench.health[-1]

    server.start()
    until(lambda: runtime.servers[0].ready)
    np.testing.assert_allclose(runtime.predict(faces), expected, atol=1e-6)
    told = runtime.remote()
    assert (told.by_server, told.by_local_model) == (2, 5)
    assert [(one.ready, one.losses) for one in told.servers] == [(True, 1)]
    until(lambda: bench.health[-1] == "ok")
    lost = [r for r in caplog.records if r.levelname == "WARNING"]
    assert "; the local model reads" in lost[0].message
    assert caplog.messages[-1] == f"model server {server.address} answers: it reads the faces"


def test_a_killed_server_is_replaced_within_the_frame_by_the_next_one(
    bench: Bench, faces: Faces
) -> None:
    first, second = bench.server(), bench.server()
    runtime = bench.runtime(first, second)
    until(lambda: all(server.ready for server in runtime.servers))
    runtime.predict(faces[:3])
    assert first.batches[-1] == 3

    first.stop()
    runtime.predict(faces[:4])
    assert second.batches[-1] == 4
    until(lambda: bench.health[-1].endswith(f"; {second.address} reads"))
    assert bench.health[-1].startswith(f"{first.address}: ")

    first.start()
    until(lambda: runtime.servers[0].ready)
    runtime.predict(faces[:5])
    assert first.batches[-1] == 5
    assert runtime.counts.by_local_model == 0


def test_without_any_server_the_local_model_reads_from_the_start(
    bench: Bench, faces: Faces
) -> None:
    first, second = nobody(bench), nobody(bench)
    runtime = bench.runtime(first, second)

    np.testing.assert_array_equal(runtime.predict(faces), bench.local().predict(faces))
    refused = "connection refused"
    words = f"{first}: {refused}; {second}: {refused}; the local model reads"
    until(lambda: bench.health[-1] == words)


def test_a_missing_socket_is_named(bench: Bench, tmp_path: Path) -> None:
    bench.runtime(f"unix:{tmp_path}/gone.sock")

    until(lambda: "gone.sock: no such file or directory; the local" in bench.health[-1])


def test_an_unknown_host_is_named(bench: Bench) -> None:
    runtime = bench.runtime("http://no-such-host.invalid:8080")

    until(lambda: runtime.servers[0].tried)
    until(lambda: "no such host; the local model reads" in bench.health[-1])


def test_a_server_that_hangs_gets_two_requests_and_no_more(bench: Bench, faces: Faces) -> None:
    server = bench.server()
    runtime = bench.runtime(server, deadline_ms=60)
    until(lambda: runtime.servers[0].ready)
    server.behaviour = "hang"
    before = len(server.batches)
    expected = bench.local().predict(faces[:2])

    for _ in range(8):
        np.testing.assert_allclose(runtime.predict(faces[:2]), expected, atol=1e-6)

    assert server.batches[before:].count(2) <= 2
    until(lambda: bench.health[-1].endswith("its answers come too late; the local model reads"))
    server.behaviour = "good"
    until(lambda: runtime.servers[0].ready)


def test_late_answers_are_thrown_away_and_a_single_one_loses_no_server(
    bench: Bench, faces: Faces
) -> None:
    server = bench.server()
    runtime = bench.runtime(server, deadline_ms=300)
    until(lambda: runtime.servers[0].ready)
    server.behaviour = "hang"

    first = runtime.predict(faces[:1])
    server.behaviour = "good"  # the first answer comes now, after its deadline
    second = runtime.predict(faces[1:2])

    expected = bench.local().predict(faces[:2])
    np.testing.assert_allclose(np.concatenate([first, second]), expected, atol=1e-6)
    assert runtime.servers[0].counts.late >= 1
    assert runtime.servers[0].counts.faults == 0


def test_a_server_whose_trial_takes_longer_than_a_frame_may_is_not_used(
    bench: Bench, faces: Faces
) -> None:
    server = bench.server(behaviour="slow")
    runtime = bench.runtime(server, deadline_ms=100)

    np.testing.assert_array_equal(runtime.predict(faces), bench.local().predict(faces))
    assert len(faces) not in server.batches
    until(lambda: "its answers come too late; the local model reads" in bench.health[-1])


def test_a_server_that_fails_while_nobody_is_seen_is_found_out(bench: Bench) -> None:
    server = bench.server()
    runtime = bench.runtime(server)
    until(lambda: bench.health[-1:] == ["ok"])

    server.behaviour = "503"

    until(lambda: not runtime.servers[0].ready)
    until(lambda: "status 503" in bench.health[-1])


def test_other_shapes_are_refused_before_anything_is_sent(bench: Bench) -> None:
    server = bench.server()
    runtime = bench.runtime(server)
    sent = len(server.batches)

    with pytest.raises(ValueError, match="16 x 16 uint8"):
        runtime.predict(np.zeros((1, 17, 16), np.uint8))
    assert runtime.predict(np.zeros((0, 16, 16), np.uint8)).shape == (0, 8)
    assert runtime.counts.by_server == 0
    assert server.batches[sent:].count(0) == 0


def test_closing_ends_the_thread_and_the_connections(bench: Bench, faces: Faces) -> None:
    server = bench.server()
    runtime = bench.runtime(server)
    runtime.predict(faces)

    runtime.close()
    runtime.close()

    assert "model servers" not in [thread.name for thread in threading.enumerate()]
    with pytest.raises(RuntimeError, match="close"):
        runtime.predict(faces)
