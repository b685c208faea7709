"""A real Mosquitto on 127.0.0.1: TLS, client certificates, WebSocket, passwords and an ACL."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

import pytest
from typing_extensions import Self

from tests.patience import PATIENCE
from tests.ports import free_ports

USERS = {"agent": "s3cret", "watcher": "w4tch", "stranger": "n0thing"}

_ACL = """
user agent
topic write emotion-agent/+/availability
topic write emotion-agent/+/state
topic write emotion-agent/+/events
topic write emotion-agent/+/snapshot
topic write emotion-agent/+/command/+/result
topic read emotion-agent/+/command/+
topic write homeassistant/device/+/config
topic read homeassistant/status
user watcher
topic readwrite #
"""

_CONFIGURATION = """
user root
log_dest file {folder}/broker.log
log_type all
allow_anonymous false
password_file {folder}/passwords
acl_file {folder}/acl
persistence true
persistence_location {folder}/
autosave_interval 1
queue_qos0_messages true
max_queued_messages 100000
max_inflight_messages {max_inflight_messages}
listener {plain} 127.0.0.1
listener {tls} 127.0.0.1
cafile {folder}/ca.crt
certfile {folder}/broker.crt
keyfile {folder}/broker.key
listener {mutual} 127.0.0.1
cafile {folder}/ca.crt
certfile {folder}/broker.crt
keyfile {folder}/broker.key
require_certificate true
listener {websockets}
protocol websockets
bind_interface lo
"""


class Mosquitto:
    """A broker that can be killed and started again on the same ports."""

    def __init__(self, folder: Path, max_inflight_messages: int = 20) -> None:
        if shutil.which("mosquitto") is None or shutil.which("mosquitto_passwd") is None:
            pytest.skip("needs Mosquitto: scripts/setup-system test")
        self.folder = folder
        self.plain, self.tls, self.mutual, self.websockets = free_ports(4)
        self._process: subprocess.Popen[bytes] | None = None
        make_certificates(folder)
        (folder / "passwords").touch(0o600)
        for name, password in USERS.items():
            _run("mosquitto_passwd", "-b", "passwords", name, password, folder=folder)
        self.allow(_ACL)
        (folder / "broker.conf").write_text(
            _CONFIGURATION.format(
                folder=folder,
                max_inflight_messages=max_inflight_messages,
                plain=self.plain,
                tls=self.tls,
                mutual=self.mutual,
                websockets=self.websockets,
            )
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, if it does not run; returns when it answers."""
        if self._process is not None:
            return
        self._process = subprocess.Popen(["mosquitto", "-c", str(self.folder / "broker.conf")])
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self.plain), timeout=1).close()
                return
            except OSError:
                assert self._process.poll() is None, (self.folder / "broker.log").read_text()
                time.sleep(0.02)
        pytest.fail("Mosquitto does not answer")

    def kill(self) -> None:
        """Kill it as `kill -9` does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def keeps(self, client: str) -> bool:
        """Whether the session of a client is on disk, to survive `kill`."""
        file = self.folder / "mosquitto.db"
        return file.exists() and client.encode() in file.read_bytes()

    def allow(self, acl: str = _ACL) -> None:
        """Replace the ACL; a running broker takes it up."""
        (self.folder / "acl").write_text(acl)
        if self._process is not None:
            self._process.send_signal(signal.SIGHUP)


def make_certificates(folder: Path) -> None:
    """`ca.crt`, another CA `stranger.crt`, and `broker.crt` and `client.crt` with their keys."""
    for ca in ("ca", "stranger"):
        _new_key(
            folder,
            ca,
            "-x509",
            "-days",
            "30",
            "-out",
            f"{ca}.crt",
            "-subj",
            f"/CN={ca}",
            "-addext",
            "basicConstraints=critical,CA:TRUE",
            "-addext",
            "keyUsage=critical,keyCertSign,cRLSign",
        )
    (folder / "names").write_text("subjectAltName=DNS:localhost\n")
    for name in ("broker", "client"):
        _new_key(folder, name, "-out", f"{name}.csr", "-subj", f"/CN={name}")
        signing = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30"]
        request = ["-req", "-in", f"{name}.csr", "-extfile", "names"]
        _run("openssl", "x509", *request, *signing, "-out", f"{name}.crt", folder=folder)


def _new_key(folder: Path, name: str, *arguments: str) -> None:
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    _run("openssl", "req", *kind, "-keyout", f"{name}.key", *arguments, folder=folder)


def _run(*command: str, folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
