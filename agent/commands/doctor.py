"""`emotion-agent doctor`: one line for each part that the agent needs."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

from agent.contradictions import missing_files
from agent.doctor.finding import Finding
from agent.layers import Loaded, SettingsError, told


def add_to(
    commands: Any,
    loaded: Callable[[argparse.Namespace], Loaded],
    with_settings: Callable[[argparse.ArgumentParser], None],
) -> None:
    """Add the command; `loaded` gives the settings that the arguments describe."""
    what = "look at every part that the agent needs and say what to do"
    doctor = commands.add_parser(
        "doctor", help=what, description=f"{what}; exits with 1 if any has failed"
    )
    with_settings(doctor)
    doctor.add_argument("--source", metavar="URI", help="the camera to look at")
    doctor.add_argument("--json", action="store_true", help="print JSON")
    doctor.set_defaults(command=lambda arguments: _doctor(arguments, loaded))


def _doctor(arguments: argparse.Namespace, loaded: Callable[[argparse.Namespace], Loaded]) -> int:
    if not arguments.verbose:  # the findings say it all
        logging.getLogger("agent").setLevel(logging.CRITICAL)
    findings = []
    for finding in _look(arguments, loaded):
        findings.append(finding)
        if not arguments.json:
            print(finding.as_text(), flush=True)
    if arguments.json:
        print(json.dumps([finding.as_dict() for finding in findings], indent=2))
    return 1 if any(finding.level == "failed" for finding in findings) else 0


def _look(
    arguments: argparse.Namespace, loaded: Callable[[argparse.Namespace], Loaded]
) -> Iterator[Finding]:
    try:
        settings, origins = loaded(arguments)
    except SettingsError as error:
        for problem in error.problems:
            yield Finding("settings", "failed", problem, "correct it; `emotion-agent check`")
        return
    missing = missing_files(settings)
    for key, what in missing:
        yield Finding("settings", "failed", told(key, what, origins), "give the right path")
    if not missing:
        yield Finding("settings", "ok", f"{len(origins)} set, the others by default")

    from agent.doctor import feedback, machine, vision  # noqa: PLC0415  # OpenCV takes its time

    yield from vision.look_at_camera(settings)
    yield from vision.look_at_detector(settings)
    yield from vision.look_at_models()
    yield from vision.look_at_runtime(settings)
    yield from feedback.look_at_audio(settings)
    yield from feedback.look_at_broker(settings)
    yield from feedback.look_at_history(settings)
    yield from machine.look_at_service()
    yield from machine.look_at_clock()
    yield from machine.look_at_disk()
    yield from machine.look_at_memory()
    yield from machine.look_at_temperature()
