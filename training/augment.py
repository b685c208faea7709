"""Random changes to training pictures: what a camera and a detector do to a face.

Geometry (rotation, scale, shift, shear, flip) stands for boxes that never sit quite right, light
and contrast for rooms, erasing (Zhong et al. 2020) for hands and hair, and the degradations
(small faces, blur, noise, JPEG) for cheap cameras.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Images = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Augmentation:
    """Strengths; zero turns a part off. Angles in degrees, sizes as shares of the side."""

    flip: bool = True
    rotation: float = 18.0
    scale: float = 0.16
    shift: float = 0.12
    shear: float = 0.10
    light: float = 0.25
    """Largest change of brightness (share of the range) and of contrast (factor)."""
    erase_chance: float = 0.4
    erase_pixels: tuple[int, int] = (6, 18)
    degrade_chance: float = 0.15
    """Chance of one degradation: shrunk and enlarged, blurred, noisy, or through JPEG."""

    def scaled(self, strength: float) -> Augmentation:
        """Everything but the mirroring and the size of what is erased, times `strength`."""
        return replace(
            self,
            rotation=self.rotation * strength,
            scale=self.scale * strength,
            shift=self.shift * strength,
            shear=self.shear * strength,
            light=self.light * strength,
            erase_chance=min(1.0, self.erase_chance * strength),
            degrade_chance=min(1.0, self.degrade_chance * strength),
        )


NONE = Augmentation(False, 0, 0, 0, 0, 0, 0, (0, 0), 0)


def augment(images: Images, how: Augmentation, rng: np.random.Generator) -> Images:
    """Each picture of N x S x S uint8 changed at random; decided by the generator alone."""
    return np.stack([_augment_one(image, how, rng) for image in images])


def _augment_one(image: Images, how: Augmentation, rng: np.random.Generator) -> Images:
    out = _warp(image, how, rng)
    if how.degrade_chance and rng.random() < how.degrade_chance:
        out = _degrade(out, rng)
    if how.light:
        gain = 1 + rng.uniform(-how.light, how.light)
        bias = 255 * rng.uniform(-how.light, how.light)
        mean = float(out.mean())
        out = np.clip((out - mean) * gain + mean + bias, 0, 255).astype(np.uint8)
    if how.erase_chance and rng.random() < how.erase_chance:
        out = _erase(out, how.erase_pixels, rng)
    return out


def _warp(image: Images, how: Augmentation, rng: np.random.Generator) -> Images:
    side = image.shape[0]
    angle = np.deg2rad(rng.uniform(-how.rotation, how.rotation))
    zoom = 1 + rng.uniform(-how.scale, how.scale)
    shear = rng.uniform(-how.shear, how.shear)
    cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
    linear = np.array([[cos, -sin], [sin, cos]]) @ np.array([[1, shear], [0, 1]])
    if how.flip and rng.random() < 0.5:
        linear = linear @ np.array([[-1, 0], [0, 1]])
    centre = np.full(2, (side - 1) / 2)
    offset = centre - linear @ centre + side * rng.uniform(-how.shift, how.shift, 2)
    matrix = np.column_stack([linear, offset])
    warped = cv2.warpAffine(
        image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(warped, np.uint8)


def _degrade(image: Images, rng: np.random.Generator) -> Images:
    side, kind = image.shape[0], rng.integers(4)
    result: npt.NDArray[Any] | None
    if kind == 0:
        small = int(side * rng.uniform(0.4, 0.9))
        shrunk = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
        result = cv2.resize(shrunk, (side, side), interpolation=cv2.INTER_LINEAR)
    elif kind == 1:
        result = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.2))
    elif kind == 2:
        noise = rng.normal(0, rng.uniform(3, 14), image.shape)
        result = np.clip(image + noise, 0, 255).astype(np.uint8)
    else:
        quality = int(rng.integers(20, 70))
        _, coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        result = cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE)
    return np.asarray(result, np.uint8)


def _erase(image: Images, pixels: tuple[int, int], rng: np.random.Generator) -> Images:
    side = image.shape[0]
    height, width = rng.integers(pixels[0], pixels[1] + 1, 2)
    top, left = rng.integers(0, side - height + 1), rng.integers(0, side - width + 1)
    out = image.copy()
    out[top : top + height, left : left + width] = rng.integers(0, 256)
    return np.asarray(out, np.uint8)
