"""What the page's scripts do without a browser, run by the Node that Playwright brings."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import playwright
import pytest

NODE = Path(playwright.__file__).with_name("driver") / "node"


@pytest.fixture
def page(project: Path) -> Path:
    return project / "agent" / "feedback" / "web" / "page"


def value(script: Path, program: str) -> Any:
    """What a program makes of a script's exports, which it knows as `page`."""
    code = base64.b64encode(script.read_bytes()).decode()
    opening = f"const page = await import('data:text/javascript;base64,{code}');\n"
    command = [str(NODE), "--input-type=module", "--eval", opening + program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_a_timeline_that_is_looked_at_for_a_month_keeps_what_is_in_sight(page: Path) -> None:
    kept = value(
        page / "bars.js",
        """
        const minute = 60000, month = 30 * 24 * 60 * minute;
        let bars = [{ track: 1, emotion: "neutral", begin: 0, end: null }], most = 0;
        for (let now = 0; now < month; now += minute / 2) {
          const time = new Date(now).toISOString();
          const event = { track: 2, type: "changed", emotion: "anger", time };
          bars = page.withEvent(bars, event, now - 5 * minute, now);
          most = Math.max(most, bars.length);
        }
        console.log(JSON.stringify({ bars, most, end: month }));
        """,
    )
    assert kept["most"] < 20
    open_ones = [bar for bar in kept["bars"] if bar["end"] is None]
    assert [bar["track"] for bar in open_ones] == [1, 2]  # a face that shows the same all month
    ends = [bar["end"] for bar in kept["bars"] if bar["end"] is not None]
    assert len(ends) >= 10
    assert kept["end"] - min(ends) <= 6 * 60_000


def test_an_event_ends_the_bar_before_it(page: Path) -> None:
    bars = value(
        page / "bars.js",
        """
        let bars = [];
        for (const [second, type, emotion] of [
          [1, "started", "neutral"], [3, "changed", "anger"], [7, "ended", "anger"],
          [8, "started", "neutral"], [9, "started", "fear"],
        ]) {
          const event = { track: 1, type, emotion, time: new Date(1000 * second).toISOString() };
          bars = page.withEvent(bars, event, 0, 60000);
        }
        console.log(JSON.stringify(bars.map((bar) => [bar.emotion, bar.begin, bar.end])));
        """,
    )
    assert bars == [
        ["neutral", 1000, 3000],
        ["anger", 3000, 7000],
        ["neutral", 8000, 8000],  # left by an agent that died: nobody knows its end
        ["fear", 9000, None],
    ]


def test_what_comes_while_the_past_is_asked_for_is_there_once(page: Path) -> None:
    events = """
        const came = [[2, "changed", "anger"], [3, "ended", "anger"]].map(([id, type, emotion]) =>
          ({ id, track: 1, type, emotion, time: new Date(1000 * id).toISOString() }));
        """
    past = "const past = [{ id: 1 }, { id: 2 }]; console.log(JSON.stringify(page.joined("
    joined = value(page / "server.js", f"{events}{past}past, came).map((event) => event.id)));")
    assert joined == [1, 2, 3]
    bars = value(
        page / "bars.js",
        f"""{events}
        let bars = [
          {{ track: 1, emotion: "neutral", begin: 1000, end: 2000 }},
          {{ track: 1, emotion: "anger", begin: 2000, end: null }},
        ];
        for (const event of came) bars = page.withEvent(bars, event, 0, 60000);
        console.log(JSON.stringify(bars.map((bar) => [bar.emotion, bar.begin, bar.end])));
        """,
    )
    assert bars == [["neutral", 1000, 2000], ["anger", 2000, 3000]]


def test_shares_of_a_board_whose_clock_began_in_1970_have_their_columns(page: Path) -> None:
    begins = value(
        page / "columns.js",
        """
        const buckets = [{ begin: "1970-01-01T03:00:00Z" }, { begin: "1970-01-01T04:00:00Z" }];
        const all = page.columns(buckets, "hour", Date.parse("1970-01-01T04:00:00Z"));
        console.log(JSON.stringify(all.map(({ begin, bucket }) => [begin, bucket?.begin ?? null])));
        """,
    )
    assert len(begins) == 24
    assert begins[-3:] == [
        [2 * 3_600_000, None],
        [3 * 3_600_000, "1970-01-01T03:00:00Z"],
        [4 * 3_600_000, "1970-01-01T04:00:00Z"],
    ]
