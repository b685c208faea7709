"""Events by AWS's own client to a nucleus that refuses, hangs, goes away and comes back."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from agent.errors import AgentError
from agent.feedback.greengrass.nucleus import Nucleus as Line
from agent.feedback.greengrass.nucleus import NucleusError
from agent.feedback.greengrass.sink import GreengrassSink
from agent.feedback.hooks import posted
from agent.places import plain_name
from agent.settings import Settings
from agent.status import StatusBoard
from tests.brokers.publisher import numbered
from tests.brokers.watcher import wait_for
from tests.nuclei.nucleus import Nucleus


@pytest.fixture
def nucleus(monkeypatch: pytest.MonkeyPatch) -> Iterator[Nucleus]:
    monkeypatch.setattr(posted, "_FIRST_PAUSE", 0.05)
    monkeypatch.setattr(posted, "_LONGEST_PAUSE", 0.2)
    with tempfile.TemporaryDirectory() as folder, Nucleus(Path(folder, "ipc")) as nucleus:
        for name, value in nucleus.environment.items():
            monkeypatch.setenv(name, value)
        yield nucleus


class Sink:
    """The sink, with what it reports."""

    def __init__(self, folder: Path, timeout: float = 20.0) -> None:
        given = {"topic": "emotion-agent/{device}/events", "timeout": timeout}
        feedback = {"greengrass": given}
        settings = Settings.model_validate({"device": "hall/1", "feedback": feedback})
        self.board = StatusBoard()
        self.sink = GreengrassSink(settings, self.board, folder)

    @property
    def health(self) -> str:
        return self.board.status.health["greengrass"]

    def publish(self, *numbers: int) -> None:
        for number in numbers:
            self.sink.publish(numbered(number))


@pytest.fixture
def sink(nucleus: Nucleus, tmp_path: Path) -> Iterator[Sink]:
    sink = Sink(tmp_path)
    yield sink
    sink.sink.close()


def ids(nucleus: Nucleus) -> list[str]:
    return [published.json["id"] for published in nucleus.published]


def test_events_come_in_order_on_the_topic_with_quality_1(nucleus: Nucleus, sink: Sink) -> None:
    sink.publish(1, 2, 3)
    wait_for(lambda: len(nucleus.published) == 3)
    assert [published.json for published in nucleus.published] == [
        numbered(number).as_dict() for number in (1, 2, 3)
    ]
    assert {(published.topic, published.qos) for published in nucleus.published} == {
        (f"emotion-agent/{plain_name('hall/1')}/events", "1")
    }
    wait_for(lambda: len(sink.sink.outbox) == 0)
    assert nucleus.conduct.connections == 1


def test_a_nucleus_that_restarts_gets_what_came_meanwhile(nucleus: Nucleus, sink: Sink) -> None:
    sink.publish(1)
    wait_for(lambda: ids(nucleus) == ["event-1"])
    nucleus.stop()
    sink.publish(2, 3)
    wait_for(lambda: "the nucleus does not publish: its socket is not there" in sink.health)
    nucleus.start()
    wait_for(lambda: len(sink.sink.outbox) == 0)
    assert list(dict.fromkeys(ids(nucleus))) == ["event-1", "event-2", "event-3"]
    wait_for(lambda: sink.health == "ok")


@pytest.mark.parametrize("refusal", ["UnauthorizedError", "ServiceError"])
def test_a_refusal_is_told_and_tried_again(nucleus: Nucleus, sink: Sink, refusal: str) -> None:
    nucleus.conduct.refusal = refusal
    sink.publish(1)
    wait_for(lambda: nucleus.conduct.attempts >= 2)
    kind = refusal.removesuffix("Error")
    assert sink.health.startswith(f"the nucleus does not publish: {kind}: not now; trying again")
    nucleus.conduct.refusal = None
    wait_for(lambda: ids(nucleus) == ["event-1"])


def test_a_message_that_is_wrong_for_good_holds_up_no_other(nucleus: Nucleus, sink: Sink) -> None:
    nucleus.conduct.refusal = "InvalidArgumentsError"
    sink.publish(1)
    wait_for(lambda: sink.sink.outbox.rejected == 1)
    nucleus.conduct.refusal = None
    sink.publish(2)
    wait_for(lambda: ids(nucleus) == ["event-2"])


def test_a_nucleus_that_hangs_holds_up_neither_events_nor_the_end(
    nucleus: Nucleus, sink: Sink
) -> None:
    nucleus.conduct.hangs = True
    sink.publish(1)
    wait_for(lambda: nucleus.conduct.attempts == 1)
    sink.publish(*range(2, 200))
    wait_for(lambda: len(sink.sink.outbox) == 199)
    sink.sink.close()
    wait_for(lambda: not any(worker.is_alive() for worker in _threads(sink)))


def test_what_a_nucleus_did_not_take_is_sent_by_the_next_process(
    nucleus: Nucleus, tmp_path: Path
) -> None:
    nucleus.stop()
    first = Sink(tmp_path)
    first.publish(1, 2)
    wait_for(lambda: len(first.sink.outbox) == 2)
    first.sink.close()
    wait_for(lambda: not any(worker.is_alive() for worker in _threads(first)))
    nucleus.start()
    second = Sink(tmp_path)
    wait_for(lambda: ids(nucleus) == ["event-1", "event-2"])
    second.sink.close()


def test_no_answer_counts_as_a_failure_after_the_timeout(nucleus: Nucleus) -> None:
    nucleus.conduct.hangs = True
    line = Line(0.3)
    with pytest.raises(NucleusError, match=r"^no answer within 0.3 s$"):
        line.publish("emotion-agent/x", b"{}")
    line.close()


def test_a_nucleus_that_does_not_know_the_component(nucleus: Nucleus) -> None:
    nucleus.conduct.token = "another"
    with pytest.raises(NucleusError, match=r"it does not know this component"):
        Line(20.0)


@pytest.mark.parametrize("missing", list(Nucleus(Path("x")).environment)[:2])
def test_without_a_nucleus_the_setting_is_refused(
    nucleus: Nucleus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.delenv(missing)
    with pytest.raises(AgentError, match=rf"^feedback.greengrass.topic: \${missing} is not set"):
        Sink(tmp_path)


def test_without_awss_client_the_setting_says_what_to_install(
    nucleus: Nucleus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "awsiot", None)
    with pytest.raises(AgentError, match=r"pip install 'emotion-agent\[greengrass\]'$"):
        Sink(tmp_path)


def test_a_configuration_without_settings_is_empty(nucleus: Nucleus) -> None:
    line = Line(20.0)
    assert line.configuration("settings") == {}
    nucleus.conduct.configuration = {"settings": {"faces": {"min_hits": 2}}}
    assert line.configuration("settings") == {"faces": {"min_hits": 2}}
    line.close()


def _threads(sink: Sink) -> list[Thread]:
    return [sink.sink._worker, sink.sink._postman._thread]
