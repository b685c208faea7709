"""What Linux tells of the board: temperature, throttling, memory, disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_ROOT: Final = Path("/")
_COLDEST, _HOTTEST = -40.0, 150.0  # degrees that a working sensor can show
_LEAST_LIMIT: Final = 50.0
"""Degrees; a limit below is none: the firmware of many a PC has 20.8 beside a constant 16.8."""
_UNREAL: Final = "pmic"
"""How the zone begins that on Jetsons up to Xavier says 100 degrees whatever it is: their kernel
knows only whether the power chip has given an alarm."""
_MODEL: Final = "proc/device-tree/model"


@dataclass(frozen=True)
class Temperature:
    """The warmest sensor."""

    zone: str
    degrees: float
    """Celsius."""
    limit: float | None
    """Where the kernel begins to slow the processor down for this sensor; None if it does not say.
    """


@dataclass(frozen=True)
class Memory:
    """Main memory, in bytes."""

    total: int
    available: int

    @property
    def share(self) -> float:
        """The part that is available."""
        return self.available / self.total


def board_name(root: Path = _ROOT) -> str | None:
    """The board's name by its device tree (`NVIDIA Jetson Orin Nano ...`); None on a PC."""
    text = _text(root / _MODEL)
    return text.rstrip("\0") if text else None


def temperature(root: Path = _ROOT) -> Temperature | None:
    """The sensor that is nearest to its limit, or else the warmest; None without any."""
    found = list(_zones(root))
    return max(found, key=lambda t: t.degrees - (t.limit or _HOTTEST), default=None)


def throttled(root: Path = _ROOT) -> list[str]:
    """What slows the processors down just now: cooling by the kernel, and the Pi's own alarms."""
    reasons = []
    for device in sorted((root / "sys/class/thermal").glob("cooling_device*")):
        kind, state = _text(device / "type") or "", _number(device / "cur_state")
        # Fans are cooling devices too, and one that turns is no sign of trouble.
        if state and "fan" not in kind.lower():
            reasons.append(f"{kind or device.name} at {state:.0f}")
    bits = _text(root / "sys/devices/platform/soc/soc:firmware/get_throttled")
    if bits:
        # https://www.raspberrypi.com/documentation/computers/os.html#get_throttled
        words = ("under-voltage", "clock capped", "throttled", "near its temperature limit")
        reasons += [word for bit, word in enumerate(words) if int(bits, 16) >> bit & 1]
    return reasons


def memory(root: Path = _ROOT) -> Memory | None:
    """Main memory by `/proc/meminfo`; None if it cannot be told."""
    fields = {}
    for line in (_text(root / "proc/meminfo") or "").splitlines():
        name, _, value = line.partition(":")
        fields[name] = value.split()[0] if value.split() else ""
    try:
        total, available = int(fields["MemTotal"]), int(fields["MemAvailable"])
    except (KeyError, ValueError):
        return None
    return Memory(1024 * total, 1024 * available) if total else None


def free_disk(folder: Path) -> int | None:
    """Bytes that may still be written below a folder; None if it cannot be told."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize


def _zones(root: Path) -> Iterator[Temperature]:
    for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*")):
        value = _number(zone / "temp")  # a sensor of a unit that is off answers with an error
        name = _text(zone / "type") or zone.name
        if name.lower().startswith(_UNREAL):
            continue
        if value is not None and _COLDEST < value / 1000 < _HOTTEST:
            yield Temperature(name, value / 1000, _limit(zone))


def _limit(zone: Path) -> float | None:
    """The lowest trip point at which the kernel slows down or worse."""
    limits = []
    for trip in zone.glob("trip_point_*_type"):
        if _text(trip) in ("passive", "hot", "critical"):
            value = _number(trip.with_name(trip.name.replace("_type", "_temp")))
            if value is not None and _LEAST_LIMIT <= value / 1000 < _HOTTEST:
                limits.append(value / 1000)
    return min(limits, default=None)


def _text(path: Path) -> str | None:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return None


def _number(path: Path) -> float | None:
    try:
        return float(_text(path) or "")
    except ValueError:
        return None
