"""Opens what the settings name, for a host that has them."""

from __future__ import annotations

from agent.emotion.prior import prior_for
from agent.faces.detectors import open_detector
from agent.inference.service import Inference
from agent.runtimes.opening import open_runtime
from agent.settings import Settings


def open_inference(settings: Settings) -> Inference:
    """Detector and model of the settings, ready to answer; raises `AgentError` as they do."""
    runtime, manifest = open_runtime(settings.runtime)
    detector = open_detector(settings.faces, settings.runtime.threads)
    prior = prior_for(settings.emotion, manifest)
    return Inference(detector, runtime, manifest, settings.faces, prior)
