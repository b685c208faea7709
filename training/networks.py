"""The networks, as Keras models from a grey picture to eight logits.

Ours are built of what an int8 runtime does fast: 3x3 convolutions, batch normalisation that folds
away, ReLU, addition, average pooling, one dense layer. No depthwise convolution and no
hard-swish, which lose both speed and accuracy as int8. The paper's is here to compare with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import keras
from keras import layers

from agent.emotion.labels import EMOTIONS
from training.errors import TrainingError


def fer_compact(width: float = 1.0, side: int = 48) -> keras.Model:
    """A residual network of 3x3 convolutions: 0.89 M parameters, 83 million multiply-adds.

    Most of the work is at 24x24 and 12x12, where wrinkles and mouth corners still show; most of
    the parameters are at 6x6, where they cost little time. Both go with the square of `width`.
    """
    channels = [_wide(n, width) for n in (32, 96, 128)]
    stem = [(_wide(32, width), 1)]
    return _residual_network("fer-compact", stem, channels, side, dropout=0.3)


def fer_tiny(width: float = 1.0, side: int = 48) -> keras.Model:
    """`fer_compact` for the smallest boards: 0.18 M parameters, 16 million multiply-adds.

    Nothing is computed at full size, which took two thirds of its time. Less dropout: a network
    this small has little to spare.
    """
    channels = [_wide(n, width) for n in (32, 64)]
    stem = [(_wide(32, width), 2), (_wide(32, width), 1)]
    return _residual_network("fer-tiny", stem, channels, side, dropout=0.1)


def _residual_network(
    name: str, stem: list[tuple[int, int]], channels: list[int], side: int, dropout: float
) -> keras.Model:
    """Convolutions of the stem's numbers of channels and strides, then two blocks for each further
    number of channels, the first of which halves the sides.
    """
    x = image = keras.Input((side, side, 1), name="image")
    for filters, stride in stem:
        x = _conv_norm_relu(x, filters, stride)
    for filters in channels:
        x = _residual_block(x, filters, stride=2)
        x = _residual_block(x, filters, stride=1)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(dropout)(x)
    return keras.Model(image, _logits(x), name=name)


def vgg13(width: float = 1.0, side: int = 64) -> keras.Model:
    """The paper's network (Barsoum et al. 2016, section 4): 8.76 M parameters, 876 million
    multiply-adds; no batch normalisation, so much dropout instead.
    """
    image = keras.Input((side, side, 1), name="image")
    x = image
    for filters, convolutions in ((64, 2), (128, 2), (256, 3), (256, 3)):
        for _ in range(convolutions):
            x = layers.Conv2D(_wide(filters, width), 3, padding="same", activation="relu")(x)
        x = layers.Dropout(0.25)(layers.MaxPooling2D()(x))
    x = layers.Flatten()(x)
    for _ in range(2):
        x = layers.Dropout(0.5)(layers.Dense(_wide(1024, width), activation="relu")(x))
    return keras.Model(image, _logits(x), name="vgg13")


def _wide(filters: int, width: float) -> int:
    """A multiple of eight, which int8 kernels work on at a time."""
    return max(8, 8 * round(filters * width / 8))


def _logits(x: Any) -> Any:
    # Always float32: bfloat16 logits would round the loss when the rest trains in mixed precision.
    return layers.Dense(len(EMOTIONS), dtype="float32", name="logits")(x)


def _convolution(x: Any, filters: int, size: int, stride: int) -> Any:
    return layers.Conv2D(
        filters, size, stride, padding="same", use_bias=False, kernel_initializer="he_normal"
    )(x)


def _conv_norm_relu(x: Any, filters: int, stride: int) -> Any:
    x = _convolution(x, filters, 3, stride)
    return layers.ReLU()(layers.BatchNormalization()(x))


def _residual_block(x: Any, filters: int, stride: int) -> Any:
    """Two 3x3 convolutions round a shortcut (He et al. 2016)."""
    shortcut = x
    if stride != 1 or x.shape[-1] != filters:
        shortcut = layers.BatchNormalization()(_convolution(x, filters, 1, stride))
    x = _conv_norm_relu(x, filters, stride)
    # A scale of zero makes each block start as its shortcut (Goyal et al. 2017).
    x = layers.BatchNormalization(gamma_initializer="zeros")(_convolution(x, filters, 3, 1))
    return layers.ReLU()(layers.Add()([x, shortcut]))


NETWORKS: Final[dict[str, Callable[[float], keras.Model]]] = {
    "fer-compact": fer_compact,
    "fer-tiny": fer_tiny,
    "vgg13": vgg13,
}


def build(name: str, width: float = 1.0) -> keras.Model:
    """The untrained network of that name, its channels times `width`.

    Raises `TrainingError` for an unknown name.
    """
    try:
        return NETWORKS[name](width)
    except KeyError:
        raise TrainingError(
            f"unknown model {name!r}; the models are {', '.join(NETWORKS)}"
        ) from None
