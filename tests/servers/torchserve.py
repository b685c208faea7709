"""A real TorchServe from `build/servers/torchserve`, without PyTorch.

Its worker imports `torch` whatever it serves; a module with the three names it asks for stands in.
"""

from __future__ import annotations

import http.client
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from agent.errors import AgentError
from handlers.mms.process import ServerProcess
from handlers.mms.server import HOST, model_name
from tests.patience import PATIENCE
from tests.ports import free_port
from tests.servers.http import ask
from tests.servers.model_server import environment, java_home

_TORCH: Final = """
class Tensor: pass
class cuda:
    @staticmethod
    def is_available(): return False
def is_tensor(value): return False
"""
_ATTEMPTS: Final = 3  # another process may take a port between the look and the start


@contextmanager
def running(archive: Path, log: Path) -> Iterator[int]:
    """Serve the archive; gives the port of the inference API."""
    python = environment("torchserve") / "bin" / "python"
    folder = Path(tempfile.mkdtemp(prefix="ts-"))
    stub = folder / "stub"
    stub.mkdir()
    (stub / "torch.py").write_text(_TORCH)
    server, port = _started(python, archive, folder, log)
    try:
        yield port
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _started(python: Path, archive: Path, folder: Path, log: Path) -> tuple[ServerProcess, int]:
    variables = dict.fromkeys(("TMPDIR", "TEMP", "LOG_LOCATION", "METRICS_LOCATION"), str(folder))
    variables |= {"PYTHONPATH": str(folder / "stub"), **java_home("torchserve")}
    command = [
        *(str(python), "-m", "ts.model_server", "--start", "--foreground", "--ncs"),
        *("--disable-token-auth", "--enable-model-api", "--ts-config", str(folder / "config")),
        *(
            "--model-store",
            str(archive.parent),
            "--models",
            f"{model_name(archive)}={archive.name}",
        ),
    ]
    for attempt in range(_ATTEMPTS):
        port = _configure(folder / "config")
        server = ServerProcess(command, folder, variables, log)
        try:
            server.wait_until(partial(_answers, port, model_name(archive)), PATIENCE)
        except AgentError as error:
            server.stop()
            if attempt == _ATTEMPTS - 1:
                raise
            print(f"starts again, as {error}")
            continue
        return server, port
    raise AssertionError("not reached")


def _configure(file: Path) -> int:
    """Write the server's configuration; returns the port of the inference API."""
    names = ("inference_address", "management_address", "metrics_address")
    ports = [free_port() for _ in range(5)]
    addresses = [f"{name}=http://{HOST}:{port}" for name, port in zip(names, ports, strict=False)]
    grpc = [f"grpc_inference_port={ports[3]}", f"grpc_management_port={ports[4]}"]
    file.write_text("\n".join([*addresses, *grpc, "default_workers_per_model=1", ""]))
    return ports[0]


def _answers(port: int, model: str) -> bool:
    """Whether the handler answers: an empty body is the client's error, and says so."""
    try:
        reply = ask(port, "POST", f"/predictions/{model}", b"", "image/jpeg")
    except (OSError, http.client.HTTPException):
        return False
    return reply.status == 400
