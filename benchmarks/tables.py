"""What `make bench` prints, and where a page has it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from agent.errors import AgentError

STAGES: Final = ("decode", "detect", "track", "crop", "classify", "decide")
BEGIN, SHORT = "<!-- printed by make bench -->", "<!-- printed by make bench, in short -->"
END: Final = "<!-- end of make bench -->"

Table = Callable[[dict[str, Any]], str]
"""Makes Markdown of the result of a run."""


def as_markdown(result: dict[str, Any]) -> str:
    """The table with the machine above it, and below it what ran and what could not."""
    all_rows = result["candidates"]
    rows = [row for row in all_rows.values() if "reason" not in row]
    stages = [name for name in STAGES if any(row["stages"].get(name) for row in rows)]
    head = ["", "frames/s", "ms a frame", *stages, "peak MB", "start s (clock)", "one face in"]
    lines = [_measured_on(result["machine"]), "", *_head([*head, "ratio (half of the turns)"])]
    for row in rows:
        times = [row["stages"].get(name) for name in stages]
        cells = [
            row["title"],
            f"{1000 / row['milliseconds']:.0f}",
            f"{row['milliseconds']:.2f}",
            *("-" if value is None else f"{value:.2f}" for value in times),
            f"{row['peak_memory_mb']:.0f}",
            f"{row['start_up_processor']:.1f} ({row['start_up']:.1f})",
            f"{100 * row['faces'].get('1', 0) / row['frames']:.0f} % of {row['frames']}",
            _ratio(row, 2),
        ]
        lines.append(_row(cells))
    lines += ["", *(f"- {row['title']}: {_versions(row)}; {_shares(row)}" for row in rows)]
    lines += [
        f"- {row['title']}: not measured, {row['reason']}"
        for row in all_rows.values()
        if "reason" in row
    ]
    return "\n".join(lines)


def in_short(result: dict[str, Any]) -> str:
    """The machine, and the columns that a reader in a hurry wants."""
    head = ["", "frames/s", "peak MB", "start s", "time of a frame (half of the turns)"]
    lines = [_measured_on(result["machine"]), "", *_head(head)]
    for row in result["candidates"].values():
        if "reason" not in row:
            cells = [
                row["title"],
                f"{1000 / row['milliseconds']:.0f}",
                f"{row['peak_memory_mb']:.0f}",
                f"{row['start_up']:.1f}",
                _ratio(row, 1),
            ]
            lines.append(_row(cells))
    return "\n".join(lines)


def place(page: str) -> tuple[str, Table, str]:
    """A page's text up to the table, the table that its mark asks for, and the text from there.

    Raises `AgentError` for a page without marks.
    """
    mark, table = (SHORT, in_short) if SHORT in page else (BEGIN, as_markdown)
    before, begin, rest = page.partition(mark)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise AgentError(f"the page to update has no lines {BEGIN} (or {SHORT}) and {END}")
    return before + begin, table, end + after


def updated(page: str, result: dict[str, Any]) -> str:
    """A page with the table that it has between its marks replaced; raises as `place`."""
    before, table, after = place(page)
    return f"{before}\n\n{table(result)}\n\n{after}"


def _measured_on(about: dict[str, Any]) -> str:
    return (
        f"{about['processor']}, one core, {about['system']}, Python {about['python']}, "
        f"load {about['load']:.1f} before and {about['load_after']:.1f} after, {about['date']}; "
        f"a film of {about['film']} with one face, {about['rounds']} rounds."
    )


def _ratio(row: dict[str, Any], digits: int) -> str:
    over = row.get("ratio")
    if over is None:
        return "-"
    median, low, high = (f"{over[name]:.{digits}f}" for name in ("median", "low", "high"))
    return f"{median} ({low} to {high})"


def _versions(row: dict[str, Any]) -> str:
    return ", ".join(f"{name} {version}" for name, version in row["versions"].items())


def _shares(row: dict[str, Any]) -> str:
    total = sum(row["emotions"].values())
    if not total:
        return "read nothing"
    shares = sorted(row["emotions"].items(), key=lambda item: -item[1])
    return "read " + ", ".join(f"{name} {100 * count / total:.0f} %" for name, count in shares)


def _head(cells: Sequence[str]) -> list[str]:
    return [_row(cells), _row(["---"] + ["---:"] * (len(cells) - 1))]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
