"""AWS DeepLens: a frozen graph for the device's own optimizer, and an OpenVINO IR of it.

The device makes its IR itself (`mo.optimize`): its OpenVINO is of 2018 and reads no newer one. The
IR written here is for today's OpenVINO, and proves that the graph can be converted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agent.emotion.manifest import DeviceOptimizer, Manifest, Precision, checked_file
from agent.emotion.preprocess import Preprocessing
from agent.runtimes.openvino import shared_core
from agent.runtimes.outputs import in_ferplus_order
from agent.runtimes.runtime import EmotionRuntime
from converters.targets.target import Artifact, Skipped, Task

GRAPH: Final = "model-deeplens.pb"
IR: Final = "model-deeplens.xml"
_WEIGHTS: Final = "model-deeplens.bin"


class DeepLensTarget:
    """Files that take one face as grey values of 0 to 255 and give calibrated probabilities."""

    name = "deeplens"

    def convert(self, task: Task, folder: Path) -> Sequence[Artifact | Skipped]:
        """Write `model-deeplens.pb` and, where OpenVINO is installed, `model-deeplens.xml`."""
        from converters.frozen_graph import freeze  # noqa: PLC0415 - imports TensorFlow

        (folder / GRAPH).write_bytes(freeze(task.model, task.preprocessing, task.temperature))
        graph = Artifact(GRAPH, self.name, "float32", optimizer=optimizer_for(task.preprocessing))
        try:
            import openvino  # noqa: PLC0415
        except ModuleNotFoundError:
            return [graph, Skipped("deeplens IR", "needs openvino: pip install openvino")]
        model = openvino.convert_model(folder / GRAPH)
        openvino.save_model(model, folder / IR, compress_to_fp16=True)
        return [graph, Artifact(IR, self.name, "float16", parts=(_WEIGHTS,))]

    def open(self, manifest: Manifest, folder: Path, precision: Precision) -> EmotionRuntime:
        """The graph in TensorFlow, the IR in OpenVINO; neither is what the device has."""
        path = checked_file(manifest, folder, self.name, precision)
        network = _in_tensorflow(path) if precision == "float32" else _in_openvino(path)
        return _DeepLensFile(manifest, network)


def optimizer_for(preprocessing: Preprocessing) -> DeviceOptimizer:
    """What `mo.optimize` is to be told of a graph with that input."""
    return DeviceOptimizer(
        model_name=Path(GRAPH).stem,
        input_width=preprocessing.side,
        input_height=preprocessing.side,
        platform="tf",
        # Left to itself, the optimizer takes a colour picture for granted.
        aux_inputs={"--img-channels": 1, "--img-format": "RGB", "--precision": "FP16"},
    )


Network = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]
"""From 1 x side x side x 1 grey values of 0 to 255 to 1 x 8 probabilities."""


class _DeepLensFile:
    """An `EmotionRuntime` for the parity check."""

    kind = "deeplens"

    def __init__(self, manifest: Manifest, network: Network) -> None:
        self.model = manifest.model_id
        self._preprocessing = manifest.preprocessing
        self._labels = manifest.labels
        self._network: Network | None = network

    def predict(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        if self._network is None:
            raise RuntimeError("predict was called after close")
        self._preprocessing.check(crops)
        given = np.zeros((len(crops), len(self._labels)), np.float32)
        for index, crop in enumerate(crops):
            given[index] = self._network(crop[np.newaxis, ..., np.newaxis].astype(np.float32))
        return in_ferplus_order(given, self._labels)

    def close(self) -> None:
        self._network = None


def _in_tensorflow(path: Path) -> Network:
    import tensorflow as tf  # noqa: PLC0415

    from converters.frozen_graph import INPUT, OUTPUT  # noqa: PLC0415

    one = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(tf.compat.v1.GraphDef.FromString(path.read_bytes()), name="")
    run = tf.compat.v1.Session(graph=graph, config=one).make_callable(f"{OUTPUT}:0", [f"{INPUT}:0"])

    def network(image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.asarray(run(image), np.float32)

    return network


def _in_openvino(path: Path) -> Network:
    # Where the processor has bfloat16, OpenVINO would take that on its own.
    precise: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    compiled = shared_core().compile_model(path, "CPU", precise)

    def network(image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.array(compiled(image)[0], np.float32)

    return network
