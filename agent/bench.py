"""Measures the pipeline on one core: `emotion-agent bench`."""

from __future__ import annotations

import os
import platform
import resource
import statistics
from contextlib import ExitStack
from time import perf_counter, process_time
from typing import Any

from agent.bench_feedback import as_lines, bench_feedback
from agent.errors import AgentError
from agent.settings import Settings
from agent.sources.opening import open_source
from agent.sources.source import SourceState
from agent.stages import STAGES, StageClock
from agent.vision import open_vision

_WARM_UP = 10  # frames; the first ones fill caches and load kernels


def bench(settings: Settings, frames: int, feedback: int = 0) -> dict[str, Any]:
    """Run `frames` frames of a source through the whole pipeline on one core, as fast as it can.

    The source plays without pauses and over again until the frames are read. Milliseconds are per
    call of a stage (`crop` and `classify` run only where there are faces). Then, if asked for, over
    so many events how long `feedback` takes.
    """
    core = _pin_to_one_core()
    clock = StageClock(kept=None)
    source = open_source(settings.source)
    with ExitStack() as stack:
        vision = open_vision(settings, source.name, stack, clock)
        stack.enter_context(source)
        done, faces, events, began = 0, 0, 0, perf_counter()
        worked, looked = process_time(), dict(vision.pipeline.lookout.looks)
        while done < frames:
            if done == _WARM_UP:
                clock.clear()
                faces, events, began = 0, 0, perf_counter()
                worked, looked = process_time(), dict(vision.pipeline.lookout.looks)
            with clock.stage("decode"):
                frame = source.read(timeout=10.0)
            if frame is None:
                if source.state is SourceState.ENDED:
                    break
                raise AgentError(f"{source.name}: no frame for 10 seconds")
            events += len(vision.pipeline.process(frame))
            faces += len(vision.pipeline.tracks)
            done += 1
        seconds, worked = perf_counter() - began, process_time() - worked
    if done <= _WARM_UP:
        raise AgentError(f"{source.name}: {done} frames are too few to measure")
    counted = done - _WARM_UP
    return {
        "source": source.name,
        "parts": vision.about,
        "size": list(frame.size) if frame else None,
        "frames": counted,
        "seconds": round(seconds, 3),
        "frames_per_second": round(counted / seconds, 1),
        "processor_ms_per_frame": round(1000 * worked / counted, 3),
        "looks": {
            look.value: number - looked[look]
            for look, number in vision.pipeline.lookout.looks.items()
        },
        "faces_per_frame": round(faces / counted, 2),
        "events": events,
        "milliseconds": {name: _milliseconds(clock, name) for name in STAGES},
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "machine": platform.machine(),
        "core": core,
        "python": platform.python_version(),
        **({"feedback_milliseconds": bench_feedback(settings, feedback)} if feedback else {}),
    }


def as_table(result: dict[str, Any]) -> str:
    """The result for people."""
    lines = [
        f"{result['source']}: {result['parts']}, one core",
        (
            f"{result['frames_per_second']} frames per second over {result['frames']} frames, "
            f"{result['faces_per_frame']} faces a frame, peak memory {result['peak_memory_mb']} MB"
        ),
        (
            f"{result['processor_ms_per_frame']} ms of the processor a frame; faces looked for in "
            f"the whole picture {result['looks']['whole']} times, near known ones "
            f"{result['looks']['near']}, at a glance {result['looks']['glance']}, not at all "
            f"{result['looks']['none']}"
        ),
        f"{'stage':10} {'calls':>6} {'median ms':>10} {'95 % ms':>10} {'share':>7}",
    ]
    total = sum(row["total"] for row in result["milliseconds"].values()) or 1
    lines += [
        f"{name:10} {row['calls']:>6} {row['median']:>10.3f} {row['p95']:>10.3f} "
        f"{100 * row['total'] / total:>6.1f}%"
        for name, row in result["milliseconds"].items()
    ]
    if "feedback_milliseconds" in result:
        lines += ["", *as_lines(result["feedback_milliseconds"])]
    return "\n".join(lines)


def _milliseconds(clock: StageClock, stage: str) -> dict[str, float]:
    values = sorted(1000 * s for s in clock.seconds[stage])
    if not values:
        return {"calls": 0, "median": 0.0, "p95": 0.0, "mean": 0.0, "total": 0.0}
    return {
        "calls": len(values),
        "median": round(statistics.median(values), 4),
        "p95": round(values[min(len(values) - 1, int(0.95 * len(values)))], 4),
        "mean": round(statistics.fmean(values), 4),
        "total": round(sum(values), 3),
    }


def _pin_to_one_core() -> int | None:
    """Keep this process on its first core; None where the system cannot say."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    core = min(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return core
