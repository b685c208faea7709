"""Runs the agent while its parts fail, and says whether it has lasted.

usage: python -m benchmarks.soak [--minutes N] [--fault-every SECONDS] [--seed N] [--out FILE]

The agent reads looped footage from an HTTP camera, tells a Mosquitto, plays cues on ALSA's file
device and serves its page. Camera, broker and sound are taken away and given back, clients of the
page read nothing, settings are reloaded and the clock jumps, by a schedule that the seed decides.
The exit status is 1 where a bound was not kept. The agent's files stay where it has failed.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Final

from benchmarks.soak.events import count_events
from benchmarks.soak.faults import KINDS, Outcome, make, schedule
from benchmarks.soak.process import Held
from benchmarks.soak.stand import Stand, raised
from benchmarks.soak.verdict import (
    FILES,
    HANDLES,
    THREADS,
    Sample,
    judge,
    store,
    table,
)

_SETTLING: Final = 30.0  # seconds that the agent has to let go of what the last fault left


@dataclass
class Meter:
    """Notes what the agent holds, once a second."""

    stand: Stand
    samples: list[Sample] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._began = time.monotonic()
        self._over = Event()
        self._thread = Thread(target=self._measure, name="meter", daemon=True)
        self.samples.append(Sample(0.0, self.stand.held()))
        self._thread.start()

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._began

    def _measure(self) -> None:
        while not self._over.wait(1.0):
            with suppress(OSError):  # a thread or a file that ended while it was looked at
                self.samples.append(Sample(self.seconds, self.stand.held()))

    def close(self) -> None:
        """Measure no more."""
        self._over.set()
        self._thread.join()


def inject(stand: Stand, meter: Meter, minutes: float, every: float, seed: int) -> list[Outcome]:
    """Make faults until the time is over or the agent is; each waits for the recovery before."""
    outcomes: list[Outcome] = []
    due = every
    kinds = tuple(kind for kind in KINDS if kind.missing is None)
    for kind, chance in schedule(kinds, seed):
        if max(due, meter.seconds) >= 60 * minutes or stand.agent.poll() is not None:
            break
        time.sleep(max(0.0, due - meter.seconds))
        outcomes.append(make(kind, stand, chance, meter.seconds))
        _tell(outcomes[-1], meter)
        due = max(due + every, meter.seconds)
    time.sleep(max(0.0, 60 * minutes - meter.seconds))
    return outcomes


def _tell(outcome: Outcome, meter: Meter) -> None:
    words = "NOT RECOVERED" if outcome.recovery is None else f"well after {outcome.recovery:.1f} s"
    held = meter.samples[-1].held
    print(
        f"{outcome.at:7.0f} s  {outcome.kind:12} for {outcome.lasted:.1f} s, {words:22}  "
        f"{held.memory:.1f} MB, {held.threads} threads, {held.handles} handles",
        flush=True,
    )


def settled(stand: Stand, begin: Held) -> Held:
    """What the agent holds when it has let go of the last fault, or does not any more."""
    stand.comes(lambda: _within(stand.held(), begin), _SETTLING)
    return stand.held()


def _within(now: Held, begin: Held) -> bool:
    return (
        now.threads <= begin.threads + THREADS
        and now.handles <= begin.handles + HANDLES
        and now.files <= begin.files + FILES
    )


def soak(folder: Path, minutes: float, every: float, seed: int, out: Path) -> bool:
    """Run, print the table, store everything in `out`; whether all bounds were kept."""
    with raised(folder) as stand:
        print(f"the agent runs (process {stand.agent.pid}); seed {seed}", flush=True)
        meter = Meter(stand)
        outcomes = inject(stand, meter, minutes, every, seed)
        meter.close()
        begin = meter.samples[0].held
        end = settled(stand, begin) if stand.agent.poll() is None else begin
        status = stand.stop()
        events = count_events(stand)
    lines = judge(meter.samples, end, outcomes, events, status)
    print(f"\n{table(outcomes, events, lines)}")
    store(out, meter.samples, outcomes, events, lines)
    return all(line.passed for line in lines)


def main() -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--fault-every", type=float, default=10.0, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("build/soak/soak.json"), metavar="FILE")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    passed = False
    try:
        passed = soak(folder, given.minutes, given.fault_every, given.seed, given.out)
    finally:
        if passed:
            shutil.rmtree(folder)
        else:
            print(f"the agent's log and files: {folder}", file=sys.stderr)
    print("passed" if passed else "FAILED")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
