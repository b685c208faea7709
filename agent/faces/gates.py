"""Which faces are good enough to read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2

from agent.emotion.preprocess import GreyImage
from agent.types import Face, Landmarks, Reason

if TYPE_CHECKING:
    from agent.settings import FacesSettings


def gate(face: Face, crop: GreyImage, settings: FacesSettings) -> Reason | None:
    """Why a face is too poor to read, from its detection and its crop (side x side grey); None
    where it is not. A face without landmarks never counts as turned.
    """
    if face.box.width < settings.min_size:
        return "small"
    if cv2.mean(crop)[0] < settings.min_light:
        return "dark"
    if face.landmarks is not None and turn(face.landmarks) > settings.max_turn:
        return "turned"
    if sharpness(crop) < settings.min_sharpness:
        return "blurred"
    return None


def turn(landmarks: Landmarks) -> float:
    """How far the nose sits from the middle between the eyes, along the line through them, as a
    share of the distance between the eyes: 0 from the front, more the more a head is turned.
    """
    (ax, ay), (bx, by) = landmarks.left_eye, landmarks.right_eye
    apart = math.hypot(bx - ax, by - ay)
    if apart == 0:
        return math.inf
    nose_x, nose_y = landmarks.nose
    along = (nose_x - (ax + bx) / 2) * (bx - ax) + (nose_y - (ay + by) / 2) * (by - ay)
    return abs(along) / apart**2


def sharpness(crop: GreyImage) -> float:
    """Variance of the Laplacian (Pech-Pacheco et al. 2000) over the variance of the grey values,
    so that faint light and low contrast do not count as blur.
    """
    # OpenCV sums a crop in a tenth of the time that NumPy takes.
    fine = cv2.meanStdDev(cv2.Laplacian(crop, cv2.CV_32F))[1].item() ** 2
    return fine / max(cv2.meanStdDev(crop)[1].item() ** 2, 1.0)
