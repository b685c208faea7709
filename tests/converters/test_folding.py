from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from agent.errors import ModelError
from converters.folding import fold
from training.networks import build

Build = Callable[[Any, Any], Any]


def shaken(model: Any) -> Any:
    """The model with batch statistics, scales, shifts and biases far from where they start."""
    rng = np.random.default_rng(1)
    spread = {"gamma": 1.5, "beta": 1.0, "moving_mean": 1.0, "bias": 1.0}
    for variable in model.variables:
        if variable.name == "moving_variance":
            variable.assign(rng.uniform(0.2, 3.0, variable.shape))
        elif variable.name in spread:
            reach = spread[variable.name]
            variable.assign(rng.uniform(-reach, reach, variable.shape))
    return model


def pictures(side: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(2).uniform(-1, 1, (16, side, side, 1)).astype(np.float32)


def difference(one: Any, other: Any) -> float:
    """Largest difference of the outputs, as a share of the largest output."""
    inputs = pictures(one.inputs[0].shape[1])
    expected, given = (model.predict(inputs, verbose=0) for model in (one, other))
    return float(np.abs(given - expected).max() / np.abs(expected).max())


def kinds(model: Any) -> set[str]:
    return {type(layer).__name__ for layer in model.layers}


def test_fer_compact_folds_to_plain_layers_with_the_same_answers(keras: Any) -> None:
    model = shaken(build("fer-compact"))

    plain = fold(model)

    assert kinds(plain) == {
        *("InputLayer", "Conv2D", "ReLU", "Add", "GlobalAveragePooling2D", "Dense")
    }
    assert difference(model, plain) < 1e-5


def test_the_papers_network_folds_with_the_same_answers(keras: Any) -> None:
    model = shaken(build("vgg13", 0.125))

    plain = fold(model)

    assert kinds(plain) == {"InputLayer", "Conv2D", "MaxPooling2D", "Flatten", "Dense"}
    assert difference(model, plain) < 1e-5


def test_folding_leaves_the_model_itself_as_it_was(untrained: Callable[[], Any]) -> None:
    model = shaken(untrained())
    before = [np.array(weights) for weights in model.get_weights()]

    fold(model)

    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def own_bias(layers: Any, image: Any) -> Any:
    x = layers.BatchNormalization()(layers.Conv2D(4, 3)(image))
    return layers.GlobalAveragePooling2D()(x)


def no_scale_no_shift(layers: Any, image: Any) -> Any:
    x = layers.BatchNormalization(scale=False, center=False, epsilon=0.1)(
        layers.Conv2D(4, 3)(image)
    )
    return layers.GlobalAveragePooling2D()(x)


def relu_inside(layers: Any, image: Any) -> Any:
    return layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="relu")(image))


def stacked(layers: Any, image: Any) -> Any:
    x = layers.Conv2D(4, 3, use_bias=False)(image)
    x = layers.Conv2D(4, 3, padding="same")(layers.BatchNormalization()(x))
    return layers.GlobalAveragePooling2D()(layers.Dropout(0.5)(layers.BatchNormalization()(x)))


@pytest.mark.parametrize("body", [own_bias, no_scale_no_shift, relu_inside, stacked])
def test_each_way_of_normalising_folds(keras: Any, body: Build) -> None:
    image = keras.Input((12, 12, 1))
    model = shaken(keras.Model(image, keras.layers.Dense(8)(body(keras.layers, image))))

    plain = fold(model)

    assert not kinds(plain) & {"BatchNormalization", "Dropout"}
    assert difference(model, plain) < 1e-5


def test_a_sequential_model_folds_too(keras: Any) -> None:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.Conv2D(4, 3),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(8),
        ]
    )

    assert difference(shaken(model), fold(model)) < 1e-5


def gelu(layers: Any, image: Any) -> Any:
    return layers.Conv2D(4, 3, activation="gelu", name="odd")(image)


def hard_swish(layers: Any, image: Any) -> Any:
    return layers.Activation("hard_swish", name="odd")(layers.Conv2D(4, 3)(image))


def depthwise(layers: Any, image: Any) -> Any:
    return layers.DepthwiseConv2D(3, name="odd")(image)


def after_relu(layers: Any, image: Any) -> Any:
    return layers.BatchNormalization(name="odd")(layers.Conv2D(4, 3, activation="relu")(image))


def before_convolution(layers: Any, image: Any) -> Any:
    return layers.Conv2D(4, 3)(layers.BatchNormalization(name="odd")(image))


def convolution_used_twice(layers: Any, image: Any) -> Any:
    x = layers.Conv2D(4, 3)(image)
    return layers.Add()([x, layers.BatchNormalization(name="odd")(x)])


@pytest.mark.parametrize(
    "body",
    [gelu, hard_swish, depthwise, after_relu, before_convolution, convolution_used_twice],
)
def test_what_cannot_be_folded_is_refused_by_name(keras: Any, body: Build) -> None:
    image = keras.Input((12, 12, 1))
    x = keras.layers.GlobalAveragePooling2D()(body(keras.layers, image))
    model = keras.Model(image, keras.layers.Dense(8)(x))

    with pytest.raises(ModelError, match="layer 'odd'") as refused:
        fold(model)

    assert "\n" not in str(refused.value)


def test_a_softmax_at_the_end_is_refused_as_the_manifest_promises_logits(keras: Any) -> None:
    image = keras.Input((12, 12, 1))
    x = keras.layers.GlobalAveragePooling2D()(image)
    model = keras.Model(image, keras.layers.Dense(8, activation="softmax", name="end")(x))

    with pytest.raises(ModelError, match=r"layer 'end' .* has activation softmax"):
        fold(model)
