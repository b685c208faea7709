"""The agent on real model servers: what it reads there, and what becomes of it when they die."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from agent.faces.detectors import open_detector
from agent.pipeline import Pipeline
from agent.reading import FaceReader
from agent.runtimes.mms.runtime import MmsRuntime
from agent.runtimes.opening import open_runtime
from agent.settings import FacesSettings, MmsSettings, RuntimeSettings, Settings, SourceSettings
from agent.sources.opening import open_source
from agent.sources.source import SourceState
from agent.types import EmotionEvent
from handlers.mms.archive import write_archive
from handlers.mms.server import ModelServer
from tests.brokers.mosquitto import USERS, Mosquitto
from tests.brokers.watcher import Watcher
from tests.patience import PATIENCE
from tests.servers import torchserve
from tests.servers.model_server import GENERATIONS, running

DemoFile = Callable[[str], Path]

UNHURRIED = 10_000
"""A deadline in milliseconds for tests in which no frame may be read here."""

STATE = "emotion-agent/hall/state"


@pytest.fixture(scope="module")
def archive(demo_file: DemoFile, project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    demo_file("blazeface-back")
    path = tmp_path_factory.mktemp("store") / "fer-compact.mar"
    write_archive(path, project / "models" / "fer-compact")
    return path


@pytest.fixture(scope="module")
def film(demo_file: DemoFile) -> Path:
    """72 frames in which one face is neutral first and happy then."""
    return demo_file("single_face.mp4")


@pytest.fixture(scope="module")
def here(film: Path) -> list[dict[str, Any]]:
    """What the model on this machine says of the film."""
    found, _ = printed(film, runtime__kind="tflite")
    assert [event["type"] for event in found] == ["started", "changed", "ended"]
    return found


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "server.log"


@pytest.fixture(params=[*GENERATIONS, "torchserve", "another agent"])
def endpoint(request: pytest.FixtureRequest, archive: Path, film: Path, log: Path) -> Iterator[str]:
    """The address of a server that serves the shipped model."""
    with ExitStack() as stack:
        if request.param == "torchserve":
            port = stack.enter_context(torchserve.running(archive, log))
        elif request.param == "another agent":
            port = stack.enter_context(answering_agent(film, log))
        else:
            port = stack.enter_context(running(request.param, archive, log)).plan.port
        yield f"http://127.0.0.1:{port}"


@contextmanager
def answering_agent(film: Path, log: Path) -> Iterator[int]:
    """The port of the API of an agent that reads a film at the same time."""
    with log.open("w") as output:
        agent = subprocess.Popen(
            command(film, api__enabled="true", api__port=0, history__enabled="false"),
            stdout=output,
            stderr=output,
        )
    told = re.compile(
        r"pictures sent to http://127\.0\.0\.1:(\d+)/predictions/fer-compact are read"
    )
    try:
        until(lambda: told.search(log.read_text()) is not None)
        yield int(told.findall(log.read_text())[0])
    finally:
        agent.terminate()
        assert agent.wait(PATIENCE) == 0
    assert "Traceback" not in log.read_text()


def in_common(event: dict[str, Any]) -> dict[str, Any]:
    """An event without what differs from run to run."""
    return {k: v for k, v in event.items() if k not in ("id", "time", "latency_ms")}


def command(film: Path, **settings: Any) -> list[str]:
    """`emotion-agent run` on a film; `runtime__kind` stands for `runtime.kind`."""
    pairs = [f"{name.replace('__', '.')}={value}" for name, value in settings.items()]
    options = [word for pair in pairs for word in ("--set", pair)]
    return [sys.executable, "-m", "agent.cli", "run", "--source", str(film), *options]


def printed(film: Path, **settings: Any) -> tuple[list[dict[str, Any]], str]:
    """The events of a whole film, and the log."""
    options = ["--pace", "none", "--until-end", "--events", "-"]
    program = command(film, **settings) + options
    done = subprocess.run(program, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    return [in_common(json.loads(line)) for line in done.stdout.splitlines()], done.stderr


def test_a_server_gives_the_same_events_as_the_model_here(
    endpoint: str, film: Path, here: list[dict[str, Any]]
) -> None:
    there, log = printed(
        film,
        runtime__kind="mms",
        runtime__mms__endpoints=endpoint,
        runtime__mms__deadline_ms=UNHURRIED,
    )

    assert there == here
    assert f"model server {endpoint} answers: it reads the faces" in log
    assert "the local model those of 0" in log


def test_no_frame_is_lost_when_the_server_dies_in_the_middle_of_a_film(
    archive: Path, film: Path, log: Path, tmp_path: Path
) -> None:
    here, _ = printed(film, runtime__kind="tflite", faces__detect_every=1)
    health: list[str] = []
    with running("mms", archive, log) as server:
        again = ModelServer(server.installation, server.plan, tmp_path / "again.log")

        def disturb(frame: int, runtime: Any) -> None:
            assert isinstance(runtime, MmsRuntime)
            if frame == 25:  # between the two decisions of the film
                assert runtime.counts.by_local_model == 0
                os.killpg(server.process.pid, signal.SIGKILL)
            elif frame == 40:
                assert runtime.counts.by_local_model >= 14
                again.__enter__()
                until(lambda: runtime.servers[0].ready)
            elif frame == 71:
                assert runtime.counts.by_server >= 50

        settings = MmsSettings(
            endpoints=(f"http://127.0.0.1:{server.plan.port}",), deadline_ms=UNHURRIED
        )
        with ExitStack() as stack:
            stack.callback(again.stop)
            there = events(film, RuntimeSettings(kind="mms", mms=settings), disturb, health.append)

    assert [in_common(e.as_dict()) for e in there] == here
    assert health[0] == health[-1] == "ok"
    assert any("the local model reads" in words for words in health)


def events(
    film: Path,
    settings: RuntimeSettings,
    disturb: Callable[[int, Any], None],
    health: Callable[[str], None],
) -> list[EmotionEvent]:
    """The events of every frame of a film; `disturb` is called before each."""
    # Every frame is read, so that each count has its place in the film.
    whole = Settings(runtime=settings, faces=FacesSettings(detect_every=1))
    runtime, manifest = open_runtime(settings, health)
    detector = open_detector(whole.faces, 1)
    crop = manifest.crop_for(detector.name)
    reader = FaceReader(runtime, manifest.preprocessing, crop, whole.faces)
    pipeline = Pipeline(whole, str(film), detector, reader)
    found: list[EmotionEvent] = []
    with open_source(SourceSettings(uri=str(film), pace="none", loop=False)) as source:
        while source.state is not SourceState.ENDED:
            frame = source.read(PATIENCE)
            if frame is not None:
                disturb(frame.index, runtime)
                found += pipeline.process(frame)
    runtime.close()
    return found + pipeline.finish()


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition for as long as a busy machine may need."""
    end = monotonic() + PATIENCE
    while not condition():
        assert monotonic() < end, "it never happened"
        sleep(0.01)


@pytest.fixture
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


def test_a_running_agent_tells_who_reads_and_keeps_reading(
    archive: Path, film: Path, log: Path, tmp_path: Path, broker: Mosquitto
) -> None:
    with ExitStack() as stack:
        watcher = stack.enter_context(Watcher(broker.plain, "emotion-agent/#"))
        server = stack.enter_context(running("mms", archive, log))
        address = f"http://127.0.0.1:{server.plan.port}"
        output = stack.enter_context((tmp_path / "log").open("w+"))
        program = command(
            film,
            device="hall",
            runtime__kind="mms",
            runtime__mms__endpoints=address,
            runtime__mms__deadline_ms=1000,
            mqtt__host="127.0.0.1",
            mqtt__port=broker.plain,
            mqtt__username="agent",
            mqtt__password=USERS["agent"],
            mqtt__state_interval=0.5,
        )
        agent = subprocess.Popen(program, stdout=output, stderr=output)
        stack.callback(agent.kill)

        def sees(words: str) -> Callable[[dict[str, Any]], bool]:
            return lambda state: (
                state["health"].get("runtime", "").endswith(words)
                and state["faces"] == 1
                and state["emotion"] in ("neutral", "happiness")
            )

        patient(watcher, sees("ok"))
        watcher.forget()
        os.killpg(server.process.pid, signal.SIGKILL)
        lost = patient(watcher, sees(": connection refused; the local model reads"))
        patient(watcher, lambda state: state["frames"] >= lost["frames"] + 30)

        watcher.forget()
        again = ModelServer(server.installation, server.plan, tmp_path / "again.log")
        stack.enter_context(again)
        patient(watcher, sees("ok"))
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(PATIENCE) == 0
        told = (tmp_path / "log").read_text()
        assert f"{address}: connection refused; the local model reads" in told
        assert told.count(f"model server {address} answers: it reads the faces") == 2
        assert "Traceback" not in told


def patient(watcher: Watcher, wanted: Callable[[Any], bool]) -> Any:
    """The first state that is as wanted; starting a server takes long on a busy machine."""
    watcher.until(lambda: any(wanted(s.json) for s in watcher.on(STATE) if s.payload), PATIENCE)
    return watcher.first(STATE, wanted)
