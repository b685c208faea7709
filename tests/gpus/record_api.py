"""Writes `api.json`: which names NVIDIA's Python bindings of each TensorRT release really have.

    python tests/gpus/record_api.py

The bindings are on PyPI; the libraries below them are not, so they are loaded over empty ones:
enough to list classes and their members, and nothing else. The releases before 8.6 are not on
PyPI. Their names were compared with `python/src/infer/pyCore.cpp` of NVIDIA's open repository at
8.5 and 8.2, and are kept as what the next release has more. Needs network, gcc and CPython 3.11.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

API: Final = Path(__file__).with_name("api.json")
WHEELS: Final = {
    "8.6.1": "tensorrt-bindings==8.6.1",
    "10.3.0": "tensorrt-cu12-bindings==10.3.0",
    "11.4.0": "tensorrt-cu12-bindings==11.4.0.106",
}
CLASSES: Final = (
    "Builder", "BuilderFlag", "DataType", "IBuilderConfig", "ICudaEngine", "IExecutionContext",
    "ILogger", "INetworkDefinition", "IOptimizationProfile", "ITensor", "MemoryPoolType",
    "NetworkDefinitionCreationFlag", "OnnxParser", "ParserError", "Runtime", "TensorIOMode",
)  # fmt: skip
_NAMED_IO: Final = (
    "get_tensor_bytes_per_component get_tensor_components_per_element get_tensor_dtype "
    "get_tensor_format get_tensor_format_desc get_tensor_location get_tensor_mode get_tensor_name "
    "get_tensor_profile_shape get_tensor_shape get_tensor_vectorized_dim is_shape_inference_io "
    "num_io_tensors"
)
_NAMED_RUN: Final = (
    "execute_async_v3 get_input_consumed_event get_max_output_size get_output_allocator "
    "get_tensor_address get_tensor_shape get_tensor_strides infer_shapes nvtx_verbosity "
    "persistent_cache_limit set_input_consumed_event set_input_shape set_output_allocator "
    "set_tensor_address temporary_allocator"
)
OLDER: Final = {
    "8.5": {
        "like": "8.6.1",
        "without": {
            "Builder": "get_plugin_registry",
            "BuilderFlag": "EXCLUDE_LEAN_RUNTIME FP8 VERSION_COMPATIBLE",
            "IBuilderConfig": "builder_optimization_level hardware_compatibility_level "
            "max_aux_streams plugins_to_serialize",
            "ICudaEngine": "hardware_compatibility_level num_aux_streams",
            "IExecutionContext": "set_aux_streams",
            "MemoryPoolType": "TACTIC_DRAM",
            "Runtime": "engine_host_code_allowed get_plugin_registry load_runtime "
            "tempfile_control_flags temporary_directory",
        },
    },
    "8.2": {
        "like": "8.5",
        "without": {
            "Builder": "max_threads",
            "BuilderFlag": "ENABLE_TACTIC_HEURISTIC",
            "IBuilderConfig": "get_memory_pool_limit get_preview_feature set_memory_pool_limit "
            "set_preview_feature",
            "ICudaEngine": _NAMED_IO,
            "IExecutionContext": _NAMED_RUN,
            "MemoryPoolType": "*",
            "Runtime": "max_threads",
            "TensorIOMode": "*",
        },
    },
}
_LISTING: Final = "--list"


def main() -> None:
    api: dict[str, Any] = {version: _recorded(wheel) for version, wheel in WHEELS.items()}
    for version, older in OLDER.items():
        api[version] = _reduced(api[str(older["like"])], older["without"])  # type: ignore[arg-type]
    API.write_text(json.dumps(api, indent=1, sort_keys=True) + "\n")


def _recorded(wheel: str) -> dict[str, list[str]]:
    with TemporaryDirectory() as name:
        folder = Path(name)
        pip = [sys.executable, "-m", "pip", "--quiet", "download", "--no-deps", "--dest", name]
        subprocess.run([*pip, wheel], check=True)
        zipfile.ZipFile(next(folder.glob("*.whl"))).extractall(folder)
        binding = next(folder.glob("*/tensorrt.so"))
        _make_empty_libraries(binding, folder)
        listing = subprocess.run(
            [sys.executable, __file__, _LISTING, str(binding)],
            env={**os.environ, "LD_LIBRARY_PATH": name},
            check=True,
            capture_output=True,
        )
    names: dict[str, list[str]] = json.loads(listing.stdout)
    return names


def _make_empty_libraries(binding: Path, folder: Path) -> None:
    """Libraries of the names that the binding wants; one defines every function that it wants."""
    needed = [
        line.split("[")[1].rstrip("]")
        for line in _output("readelf", "-d", str(binding)).splitlines()
        if "(NEEDED)" in line and "libnv" in line
    ]
    undefined = (line.split() for line in _output("nm", "-D", "-u", str(binding)).splitlines())
    functions = [
        symbol
        for kind, symbol in undefined
        if kind == "U" and "@" not in symbol and not symbol.startswith(("Py", "_Py", "dl"))
    ]
    for index, library in enumerate(needed):
        wanted = functions if index == 0 else []
        source = "\n".join(f"void *{name}(void) {{ return 0; }}" for name in wanted)
        command = ["gcc", "-shared", "-fPIC", "-xc", "-", f"-Wl,-soname,{library}"]
        command += ["-o", str(folder / library)]
        subprocess.run(command, input=source.encode(), check=True)


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _list(binding: str) -> None:
    sys.setdlopenflags(os.RTLD_LAZY)
    spec = importlib.util.spec_from_file_location("tensorrt", binding)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    members = {name: dir(getattr(module, name)) for name in CLASSES}
    plain = {name: [m for m in found if not m.startswith("_")] for name, found in members.items()}
    print(json.dumps(plain))


def _reduced(names: dict[str, list[str]], without: dict[str, str]) -> dict[str, list[str]]:
    """The names of an older release; a name to leave out that is not there is an error."""
    left = {kind: list(members) for kind, members in names.items()}
    for kind, gone in without.items():
        if gone == "*":
            del left[kind]
        else:
            for name in gone.split():
                left[kind].remove(name)
    return left


if __name__ == "__main__":
    if sys.argv[1:2] == [_LISTING]:
        _list(sys.argv[2])
    else:
        main()
