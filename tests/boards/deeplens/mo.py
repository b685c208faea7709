"""Stands in for the board's optimizer: OpenVINO reads the frozen graph and writes a real IR of it.

BOARD_ARTIFACTS takes the place of /opt/awscam/artifacts.
"""

from __future__ import annotations

import os
from typing import Any

import openvino


def optimize(
    model_name: str,
    input_width: int,
    input_height: int,
    platform: str = "mxnet",
    aux_inputs: dict[str, Any] | None = None,
) -> tuple[int, str]:
    """The error (0 for none) and the path of the IR, as on the board."""
    folder = os.environ["BOARD_ARTIFACTS"]
    graph = os.path.join(folder, model_name + ".pb")  # noqa: PTH118 - as plain as can be
    if platform != "tf" or not os.path.exists(graph):  # noqa: PTH110
        return 1, ""
    api = openvino if hasattr(openvino, "Core") else __import__("openvino.runtime").runtime
    network = api.Core().read_model(graph)
    network.reshape([1, input_height, input_width, (aux_inputs or {}).get("--img-channels", 3)])
    path = os.path.join(folder, model_name + ".xml")  # noqa: PTH118
    api.serialize(network, path, path[:-3] + "bin")
    return 0, path
