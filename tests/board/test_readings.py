"""What is read from /sys and /proc, over trees as boards have them (no board can be in a test)."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.board import readings


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


THERMAL = "sys/class/thermal"


def test_the_sensor_nearest_to_its_limit_is_told(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            f"{THERMAL}/thermal_zone0/type": "cpu-thermal\n",
            f"{THERMAL}/thermal_zone0/temp": "71500\n",
            f"{THERMAL}/thermal_zone0/trip_point_0_type": "passive\n",
            f"{THERMAL}/thermal_zone0/trip_point_0_temp": "99000\n",
            f"{THERMAL}/thermal_zone0/trip_point_1_type": "critical\n",
            f"{THERMAL}/thermal_zone0/trip_point_1_temp": "104500\n",
            f"{THERMAL}/thermal_zone0/trip_point_2_type": "active\n",
            f"{THERMAL}/thermal_zone0/trip_point_2_temp": "35000\n",
            f"{THERMAL}/thermal_zone1/type": "tj-thermal\n",
            f"{THERMAL}/thermal_zone1/temp": "70000\n",
            f"{THERMAL}/thermal_zone1/trip_point_0_type": "passive\n",
            f"{THERMAL}/thermal_zone1/trip_point_0_temp": "75000\n",
        },
    )
    assert readings.temperature(root) == readings.Temperature("tj-thermal", 70.0, 75.0)


def test_sensors_that_are_off_are_passed_over(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            f"{THERMAL}/thermal_zone0/temp": "-256000\n",
            f"{THERMAL}/thermal_zone1/temp": "",
            f"{THERMAL}/thermal_zone2/temp": "48250\n",
        },
    )
    assert readings.temperature(root) == readings.Temperature("thermal_zone2", 48.25, None)


def test_a_jetson_nano_is_as_warm_as_its_processors_and_not_as_its_power_chip_says(
    tmp_path: Path,
) -> None:
    zones = {
        "AO-therm": 31000,
        "CPU-therm": 24500,
        "GPU-therm": 26500,
        "PLL-therm": 24500,
        "PMIC-Die": 100000,
        "thermal-fan-est": 25500,
    }
    files = {}
    for number, (name, value) in enumerate(zones.items()):
        files[f"{THERMAL}/thermal_zone{number}/type"] = f"{name}\n"
        files[f"{THERMAL}/thermal_zone{number}/temp"] = f"{value}\n"
    root = write(tmp_path, files)
    assert readings.temperature(root) == readings.Temperature("AO-therm", 31.0, None)


def test_a_limit_that_no_machine_could_keep_is_none(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            f"{THERMAL}/thermal_zone0/type": "acpitz\n",
            f"{THERMAL}/thermal_zone0/temp": "16800\n",
            f"{THERMAL}/thermal_zone0/trip_point_0_type": "critical\n",
            f"{THERMAL}/thermal_zone0/trip_point_0_temp": "20800\n",
            f"{THERMAL}/thermal_zone1/type": "x86_pkg_temp\n",
            f"{THERMAL}/thermal_zone1/temp": "45000\n",
        },
    )
    assert readings.temperature(root) == readings.Temperature("x86_pkg_temp", 45.0, None)


def test_a_machine_without_sensors_tells_nothing(tmp_path: Path) -> None:
    assert readings.temperature(tmp_path) is None
    assert readings.throttled(tmp_path) == []
    assert readings.memory(tmp_path) is None
    assert readings.board_name(tmp_path) is None
    assert readings.free_disk(tmp_path / "none") is None


def test_cooling_is_throttling_but_a_fan_is_not(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            f"{THERMAL}/cooling_device0/type": "pwm-fan\n",
            f"{THERMAL}/cooling_device0/cur_state": "3\n",
            f"{THERMAL}/cooling_device1/type": "cpufreq-cpu0\n",
            f"{THERMAL}/cooling_device1/cur_state": "2\n",
            f"{THERMAL}/cooling_device2/type": "gpu-throttle-alert\n",
            f"{THERMAL}/cooling_device2/cur_state": "0\n",
        },
    )
    assert readings.throttled(root) == ["cpufreq-cpu0 at 2"]


@pytest.mark.parametrize(
    ("bits", "reasons"),
    [
        ("0", []),
        ("50005", ["under-voltage", "throttled"]),
        ("80008", ["near its temperature limit"]),
    ],
)
def test_a_raspberry_pi_says_why_it_is_slow(tmp_path: Path, bits: str, reasons: list[str]) -> None:
    root = write(tmp_path, {"sys/devices/platform/soc/soc:firmware/get_throttled": bits + "\n"})
    assert readings.throttled(root) == reasons


def test_memory_and_the_board_have_names_and_numbers(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "proc/meminfo": "MemTotal:  8000 kB\nMemFree: 1 kB\nMemAvailable:  2000 kB\n",
            "proc/device-tree/model": "NVIDIA Jetson Orin Nano Developer Kit\0",
        },
    )
    assert readings.memory(root) == readings.Memory(8_192_000, 2_048_000)
    assert readings.Memory(8_192_000, 2_048_000).share == 0.25
    assert readings.board_name(root) == "NVIDIA Jetson Orin Nano Developer Kit"


def test_this_machine_has_memory_and_disk(tmp_path: Path) -> None:
    found = readings.memory()
    assert found is not None
    assert 0 < found.available <= found.total
    assert (readings.free_disk(tmp_path) or 0) > 0
