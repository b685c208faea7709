"""Runs MXNet Model Server with one archive, on the loopback interface only.

The settings steer clear of what is known to fail: its own decoding of requests (a JSON body that is
wrong would kill the worker), its units of time (minutes in one generation, seconds in the other),
ports from 32767 on, and its word about being ready, which comes before the model is loaded.
"""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final

import cv2
import numpy as np
from typing_extensions import Self

from agent.errors import AgentError
from handlers.mms.installation import Installation
from handlers.mms.process import ServerProcess

HOST: Final = "127.0.0.1"
MOST_PORT: Final = 32_766
"""The servers refuse higher ones."""

_START: Final = 180.0
"""Seconds that a start may take; two or three are usual."""
_PROBE: Final = 10.0
"""Seconds that the first prediction may take; the server queues it while the model loads."""
_QUIET: Final = {True: "quiet-log4j.properties", False: "quiet-log4j2.xml"}
"""Logging by whether the server is of the first generation."""
_CONFIGURATION: Final = {
    "vmargs": "-Xmx128m -XX:+UseSerialGC",
    "decode_input_request": "false",
    "default_response_timeout": "30",
    "default_response_timeout_seconds": "30",
    "job_queue_size": "500",
}


@dataclass(frozen=True)
class Plan:
    """What to serve, and where."""

    archive: Path
    port: int = 8080
    management_port: int = 8081
    workers: int = 1
    settings: Mapping[str, str] = field(default_factory=dict)
    """Further keys of the server's `config.properties`; they win."""


class ModelServer:
    """A running server; entering starts it and returns when it has answered a real request."""

    def __init__(self, installation: Installation, plan: Plan, log: Path) -> None:
        """Raises `AgentError` for an archive that cannot be read and a port that cannot be used."""
        self.installation = installation
        self.plan = plan
        self.model = model_name(plan.archive)
        self.log = log
        self._folder: Path | None = None
        self._process: ServerProcess | None = None

    def __enter__(self) -> Self:
        for port in (self.plan.port, self.plan.management_port):
            check_port(port)
        # Short: the name of a socket in it must stay under 108 bytes.
        self._folder = Path(tempfile.mkdtemp(prefix="mms-"))
        try:
            self._process = ServerProcess(
                self._command(self._folder), self._folder, self._variables(), self.log.resolve()
            )
            self._process.wait_until(self.answers, _START)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def process(self) -> ServerProcess:
        """The running processes; an error before they are started."""
        assert self._process is not None
        return self._process

    def answers(self) -> bool:
        """Whether a real prediction is answered; `/ping` says yes before the model is there."""
        connection = http.client.HTTPConnection(HOST, self.plan.port, timeout=_PROBE)
        try:
            headers = {"Content-Type": "image/png", "X-Emotion-Crop": "whole"}
            connection.request("POST", f"/predictions/{self.model}", _grey_square(), headers)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def stop(self) -> None:
        """Stop all of its processes and remove what they left; calling it again does nothing."""
        process, self._process = self._process, None
        folder, self._folder = self._folder, None
        try:
            if process is not None:
                process.stop()
        finally:
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)

    def _command(self, folder: Path) -> list[str]:
        archive = self.plan.archive.resolve()
        configuration = folder / "config.properties"
        lines = [f"{key}={value}\n" for key, value in self._configuration().items()]
        configuration.write_text("".join(lines))
        logging = Path(__file__).with_name(_QUIET[self.installation.first_generation])
        return [
            *(str(self.installation.python.absolute()), "-m", "mms.model_server"),
            *("--start", "--foreground", "--mms-config", str(configuration)),
            *("--log-config", str(logging), "--model-store", str(archive.parent)),
            *("--models", f"{self.model}={archive.name}"),
        ]

    def _configuration(self) -> dict[str, str]:
        addresses = {
            "inference_address": f"http://{HOST}:{self.plan.port}",
            "management_address": f"http://{HOST}:{self.plan.management_port}",
            "default_workers_per_model": str(self.plan.workers),
        }
        return addresses | _CONFIGURATION | dict(self.plan.settings)

    def _variables(self) -> dict[str, str]:
        folder = str(self._folder)
        java = self.installation.java_home
        places = dict.fromkeys(("TMPDIR", "TEMP", "LOG_LOCATION", "METRICS_LOCATION"), folder)
        return places | ({"JAVA_HOME": str(java)} if java else {})


def model_name(archive: Path) -> str:
    """The name of the model in an archive; raises `AgentError` for a file that is none."""
    try:
        with zipfile.ZipFile(archive) as content:
            return str(json.loads(content.read("MAR-INF/MANIFEST.json"))["model"]["modelName"])
    except OSError as error:
        raise AgentError(f"{archive}: {error.strerror or error}") from None
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError):
        raise AgentError(
            f"{archive}: no model archive; make one with `emotion-convert --to mar`"
        ) from None


def check_port(port: int) -> None:
    """Raise `AgentError` where a model server cannot listen on a port."""
    if not 1 <= port <= MOST_PORT:
        raise AgentError(f"port {port}: the server takes 1 to {MOST_PORT}")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise AgentError(
                f"port {port} on {HOST}: {error.strerror or error}; choose another one"
            ) from None


def _grey_square() -> bytes:
    return cv2.imencode(".png", np.full((64, 64), 127, np.uint8))[1].tobytes()
