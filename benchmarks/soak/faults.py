"""The faults: how each is made, how it is mended, and when the agent has recovered from it."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from benchmarks.soak.clients import Silent
from benchmarks.soak.clock import MISSING
from benchmarks.soak.process import children
from benchmarks.soak.stand import Stand

Condition = Callable[[], bool]
Fault = Generator[Condition, None, Condition]
"""Makes the fault, yields what tells that the agent has noticed it, mends it; returns what tells
that all is well again."""

PATIENCE: Final = 90.0
"""Seconds after which a fault counts as not recovered: a lost broker is tried every half minute."""


_EACH: Final = 2  # silent clients of the stream, and of the picture


@dataclass(frozen=True)
class Kind:
    """One kind of fault."""

    name: str
    begin: Callable[[Stand, random.Random], Fault]
    missing: str | None = None
    """Why it cannot be made here; None where it can."""


@dataclass(frozen=True)
class Outcome:
    """One fault that was made."""

    kind: str
    at: float
    """Seconds after the start."""
    lasted: float
    """Seconds until it was mended."""
    noticed: bool
    """Whether the agent showed that it knew."""
    recovery: float | None
    """Seconds from then until all was well; None if it never was."""


def _ails(stand: Stand, part: str) -> Condition:
    """Noticed when the agent says that something ails the part."""
    return lambda: stand.look()["health"].get(part, "ok") != "ok"


def _pictures(stand: Stand) -> Condition:
    """All is well when ten more pictures were read, and no part complains."""
    seen = int(stand.look()["frames"])
    return lambda: stand.is_well(after=seen + 10)


def _camera(stand: Stand, chance: random.Random) -> Fault:
    """Killed, or hung with its connections open."""
    if chance.random() < 0.5:
        stand.camera.kill()
    else:
        stand.camera.halt()
    yield lambda: stand.look()["state"] == "stalled"
    stand.camera.start()
    return _pictures(stand)


def _broker(stand: Stand, _chance: random.Random) -> Fault:
    stand.broker.kill()
    yield _ails(stand, "mqtt")
    stand.broker.start()
    return _pictures(stand)


def _audio(stand: Stand, _chance: random.Random) -> Fault:
    """The device is gone from the configuration, and the process that had it open is dead."""
    stand.card.remove()
    for child in children(stand.agent.pid):
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    yield _ails(stand, "audio")
    stand.card.connect("/dev/null")
    return _pictures(stand)


def _slow_client(stand: Stand, _chance: random.Random) -> Fault:
    silent = Silent(stand.page, each=_EACH)
    yield lambda: stand.clients() >= 2 * _EACH
    silent.close()
    well = _pictures(stand)
    return lambda: well() and 0 <= stand.clients() <= 1  # the reader's stream


def _reload(stand: Stand, chance: random.Random) -> Fault:
    """SIGHUP with another volume (opens a sink anew) or smoothing (opens the vision anew)."""
    name = chance.choice(sorted(stand.values))
    told = stand.log.count("taking up new settings")
    stand.values[name] = round(chance.uniform(0.2, 0.5), 3)
    stand.write_settings()
    stand.agent.send_signal(signal.SIGHUP)
    yield lambda: stand.log.count("taking up new settings") > told
    return _pictures(stand)


def _clock(stand: Stand, chance: random.Random) -> Fault:
    """The wall clock jumps an hour or two, to and fro."""
    turned = chance.choice((-7200, -3600, 3600, 7200))
    stand.clock.turn(turned)
    yield lambda: abs(stand.ahead() - turned) < 60
    stand.clock.turn(0)
    well = _pictures(stand)
    return lambda: abs(stand.ahead()) < 60 and well()


KINDS: Final = (
    Kind("camera loss", _camera),
    Kind("broker loss", _broker),
    Kind("audio loss", _audio),
    Kind("slow client", _slow_client),
    Kind("reload", _reload),
    Kind("clock jump", _clock, MISSING),
)
"""All kinds, by their names."""


def make(kind: Kind, stand: Stand, chance: random.Random, at: float) -> Outcome:
    """Make a fault, mend it, and wait until all is well."""
    lasts = chance.uniform(1.0, 4.0)
    began = time.monotonic()
    fault = kind.begin(stand, chance)
    noticed = stand.comes(next(fault), PATIENCE)
    time.sleep(max(0.0, began + lasts - time.monotonic()))
    is_well = _mended(fault)
    mended_at = time.monotonic()
    recovered = stand.comes(is_well, PATIENCE)
    recovery = time.monotonic() - mended_at if recovered else None
    return Outcome(kind.name, at, mended_at - began, noticed, recovery)


def _mended(fault: Fault) -> Condition:
    try:
        next(fault)
    except StopIteration as mended:
        is_well: Condition = mended.value
        return is_well
    raise AssertionError("a fault yields once")


def schedule(
    kinds: tuple[Kind, ...], seed: int
) -> Generator[tuple[Kind, random.Random], None, None]:
    """Faults for ever, the same for the same seed: every kind once, in any order, then again."""
    chance = random.Random(seed)
    while True:
        for kind in chance.sample(kinds, len(kinds)):
            yield kind, chance
