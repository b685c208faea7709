from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.emotion import manifest as manifests
from agent.emotion.preprocess import Preprocessing
from agent.errors import ModelError
from agent.quiet import output_hidden
from agent.runtimes.outputs import calibrated
from converters.conversion import Job, convert
from converters.folding import fold
from converters.frozen_graph import freeze
from converters.targets.deeplens import DeepLensTarget, _in_tensorflow
from converters.targets.target import Task
from tests.old_python import UnavailableError
from tests.tensorflow1.check import SKIPPED, main
from tests.tensorflow1.environment import RELEASES, environment, run_graph
from training.backend import load_keras
from training.ferplus import FerPlus

load_keras()

import tensorflow as tf  # noqa: E402  # Keras has loaded it quietly
from tensorflow.python.framework import convert_to_constants  # noqa: E402

from training.networks import build  # noqa: E402

# "Supporting TensorFlow Layers" in the AWS DeepLens developer guide.
DOCUMENTED = """
    Add AvgPool BatchToSpaceND BiasAdd Const Conv2D Conv2DBackpropInput Identity Maximum MaxPool
    Mean Mul Neg Pad Placeholder Prod RandomUniform Range Relu Reshape Rsqrt Shape Softmax
    SpaceToBatchND Square Squeeze StopGradient Sub Sum Tile"""
TEMPERATURE = 0.5


@pytest.fixture(scope="module")
def task(task: Task) -> Task:
    return replace(task, temperature=TEMPERATURE)


@pytest.fixture(scope="module")
def folder(task: Task, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("openvino")
    folder = tmp_path_factory.mktemp("deeplens")
    with output_hidden():
        made = DeepLensTarget().convert(task, folder)
    assert [getattr(a, "file", a) for a in made] == ["model-deeplens.pb", "model-deeplens.xml"]
    return folder


@pytest.fixture(scope="module")
def graph(folder: Path) -> Any:
    return tf.compat.v1.GraphDef.FromString((folder / "model-deeplens.pb").read_bytes())


@pytest.fixture(scope="module")
def expected(task: Task, data: FerPlus) -> Any:
    """What Keras says of the test pictures, calibrated."""
    inputs = task.preprocessing.normalise(data["test"].images)
    return calibrated(task.model.predict(inputs, verbose=0), "logits", TEMPERATURE)


def test_the_graph_has_only_layers_that_deeplens_documents(graph: Any) -> None:
    assert {node.op for node in graph.node} <= set(DOCUMENTED.split())
    assert {"Conv2D", "Mean", "Softmax"} <= {node.op for node in graph.node}


def test_the_graph_has_one_float_input_and_nothing_to_train(graph: Any) -> None:
    (entry,) = (node for node in graph.node if node.op == "Placeholder")

    assert entry.name == "image"
    assert entry.attr["dtype"].type == 1  # DT_FLOAT
    assert [d.size for d in entry.attr["shape"].shape.dim] == [1, 48, 48, 1]
    assert graph.node[-1].name == "probs"
    assert not graph.library.function
    assert not any(name.startswith("^") for node in graph.node for name in node.input)


def test_attributes_that_came_after_tensorflow_1_4_are_left_out(graph: Any) -> None:
    later = {"explicit_paddings", "dilations", "_output_shapes"}

    assert not any(later & set(node.attr) for node in graph.node)
    assert graph.versions.producer <= 24  # what TensorFlow 1.4 writes


def test_tensorflow_1_gives_the_probabilities_that_keras_gives(
    folder: Path, data: FerPlus, expected: Any
) -> None:
    """In 1.4.1, or in 1.15.5 where there is no Python 3.6."""
    try:
        python = environment()
    except UnavailableError as reason:
        pytest.skip(str(reason))

    answer = run_graph(python, folder / "model-deeplens.pb", data["test"].images)

    assert answer.tensorflow in RELEASES
    assert np.abs(answer.probabilities - expected).max() < 1e-4
    assert len(np.unique(answer.probabilities.argmax(axis=1))) == 8


def test_a_graph_as_tensorflow_2_writes_it_is_refused_by_tensorflow_1_4(
    task: Task, data: FerPlus, tmp_path: Path
) -> None:
    """The comparison above can fail: without the rewriting it would."""

    @tf.function(input_signature=[tf.TensorSpec((1, 48, 48, 1), tf.float32, name="image")])  # type: ignore[untyped-decorator]
    def network(image: Any) -> Any:
        return tf.identity(tf.nn.softmax(task.model(image, training=False)), name="probs")

    frozen = convert_to_constants.convert_variables_to_constants_v2(network.get_concrete_function())
    path = tmp_path / "modern.pb"
    path.write_bytes(frozen.graph.as_graph_def().SerializeToString())
    try:
        python = environment("1.4.1")
    except UnavailableError as reason:
        pytest.skip(str(reason))

    with pytest.raises(RuntimeError, match=r"AddV2|explicit_paddings"):
        run_graph(python, path, data["test"].images[:1])


def test_both_files_pass_the_gate_and_the_manifest_tells_the_optimizers_arguments(
    fresh: Job,
) -> None:
    pytest.importorskip("openvino")
    report = convert(replace(fresh, targets=[DeepLensTarget()]), lambda line: None)

    assert report.complaints == [], report.text()
    assert report.files[0].parity.largest_difference < 1e-4
    assert report.files[0].parity.agreement == 1
    files = manifests.read(fresh.out).files
    assert [(f.file, f.precision, len(f.parts)) for f in files] == [
        ("model-deeplens.pb", "float32", 0),
        ("model-deeplens.xml", "float16", 1),
    ]
    assert files[0].optimizer is not None
    assert files[0].optimizer.model_dump() == {
        "model_name": "model-deeplens",  # of /opt/awscam/artifacts/model-deeplens.pb
        "input_width": 48,
        "input_height": 48,
        "platform": "tf",
        "aux_inputs": {"--img-channels": 1, "--img-format": "RGB", "--precision": "FP16"},
    }


def test_every_dense_layer_becomes_a_convolution(keras: Any) -> None:
    image = keras.Input((16, 16, 1))
    x = keras.layers.Conv2D(4, 3, 2, activation="relu")(image)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(6, activation="relu")(x)
    model = keras.Model(image, keras.layers.Dense(8)(x))
    graph = tf.compat.v1.GraphDef.FromString(freeze(model, Preprocessing(16), 1.0))

    assert [n.op for n in graph.node].count("Conv2D") == 3
    assert "MatMul" not in {n.op for n in graph.node}


def test_a_dense_layer_after_flattening_takes_all_pixels(keras: Any, tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    model = build("vgg13", 0.125)
    path = tmp_path / "vgg13.pb"
    path.write_bytes(freeze(fold(model), Preprocessing(64), 0.01))
    images = np.random.default_rng(2).integers(0, 256, (3, 64, 64), np.uint8)
    inputs = Preprocessing(64).normalise(images)
    expected = calibrated(model.predict(inputs, verbose=0), "logits", 0.01)
    network = _in_tensorflow(path)
    given = [network(image[np.newaxis, ..., np.newaxis].astype(np.float32))[0] for image in images]

    assert np.ptp(expected, axis=1).min() > 0.01
    np.testing.assert_allclose(given, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"dilation_rate": 2}, "layer 'odd' .Conv2D. has groups or a dilation"),
        ({"groups": 2}, "layer 'odd' .Conv2D. has groups or a dilation"),
    ],
)
def test_what_tensorflow_1_4_has_not_is_refused_by_name(
    keras: Any, options: dict[str, int], told: str
) -> None:
    image = keras.Input((16, 16, 1))
    x = keras.layers.Conv2D(4, 3)(image)
    x = keras.layers.Conv2D(4, 3, name="odd", **options)(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(image, keras.layers.Dense(8)(x))

    with pytest.raises(ModelError, match=told):
        freeze(model, Preprocessing(16), 1.0)


def test_the_check_names_the_version_and_fails_for_another_model(
    fresh: Job, keras: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    convert(replace(fresh, targets=[DeepLensTarget()]), lambda line: None)
    other = keras.models.load_model(fresh.model, compile=False)
    weights = other.get_layer("logits").get_weights()
    other.get_layer("logits").set_weights([1.01 * weights[0], weights[1]])
    other.save(tmp_path / "other.keras")

    statuses = []
    for model in (fresh.model, tmp_path / "other.keras"):
        options = ["--keras", str(model), "--data", str(fresh.data)]
        statuses.append(main([str(fresh.out), *options]))

    if statuses[0] == SKIPPED:
        pytest.skip(capfd.readouterr().err.strip())
    assert statuses == [0, 1]
    assert "TensorFlow 1." in capfd.readouterr().out
