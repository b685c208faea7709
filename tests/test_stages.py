"""How long the stages take: all kept in histograms, the newest one by one."""

from __future__ import annotations

import pytest

from agent.stages import BOUNDS, Histogram, StageClock


def test_a_histogram_counts_each_duration_under_every_bound_that_it_keeps_to() -> None:
    histogram = Histogram()
    for seconds in (0.0001, 0.01, 0.011, 99.0):
        histogram.add(seconds)
    counts = dict(zip((*BOUNDS, "all"), histogram.cumulated(), strict=True))
    assert (counts[0.0005], counts[0.005], counts[0.01], counts[0.02]) == (1, 1, 2, 3)
    assert (counts[2.0], counts["all"]) == (3, 4)
    assert histogram.total == pytest.approx(99.0211)


def test_a_clock_fills_the_histogram_of_the_stage_also_beyond_what_it_keeps() -> None:
    clock = StageClock(kept=2)
    for _ in range(5):
        with clock.stage("crop"):
            pass
    assert len(clock.seconds["crop"]) == 2
    assert clock.histograms["crop"].cumulated()[-1] == 5
    assert clock.histograms["detect"].cumulated()[-1] == 0
