"""The report of a conversion as one HTML page that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Final

from converters.report import HEADINGS, FileReport, Report

_TEXT_COLUMNS: Final = 3
_STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem;
       color: #1d2330; background: #fff }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
caption { text-align: left; font-weight: 600; padding: 1.5rem 0 .5rem }
th, td { padding: .35rem .6rem; border-bottom: 1px solid #d5d9e2; text-align: right;
         white-space: nowrap }
th.text, td.text { text-align: left }
tr.over td { background: #fdeaea }
td.bar { width: 40%; text-align: left }
.bar div { height: .9rem; background: #3567b0 }
p.verdict { padding: .6rem 1rem; background: #e6f3e8 }
p.verdict.over { background: #fdeaea }
@media (max-width: 60rem) { .wide { overflow-x: auto } }
@media (prefers-color-scheme: dark) {
  body { color: #e4e7ee; background: #161a22 }
  th, td { border-color: #3a4150 }
  tr.over td, p.verdict.over { background: #4a2226 }
  p.verdict { background: #1e3a25 }
  .bar div { background: #7aa5e8 }
}
"""

_CONTROLS: Final = (
    "<p>Differences are of probabilities. The last two columns are controls: the share of "
    "pictures on which the file still agrees when it gets the pictures transposed, and when "
    "the Keras model gets pixels that were not brought into its range. They must be low, or "
    "agreement would prove nothing.</p>"
)


def write_page(report: Report, title: str, path: Path) -> None:
    """Write the page; the folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_page(report, title), encoding="utf-8")


def _page(report: Report, title: str) -> str:
    files = report.files
    parts = [
        f"<h1>{escape(title)}</h1>",
        _verdict(report),
        _table(
            "Each file in its own engine, against the Keras model",
            HEADINGS,
            [report.keras_cells, *(file.cells() for file in files)],
            {index + 1 for index, file in enumerate(files) if file.complaints},
        ),
        f"<p>{escape(report.note)}</p>",
        _bars(files),
        _table(
            "How far the answers are from those of the Keras model",
            ("file", "engine", "precision", "mean difference", "largest", "transposed", "unscaled"),
            [_differences(file) for file in files],
        ),
        _CONTROLS,
    ]
    if report.skipped:
        rows = [(each.what, each.reason) for each in report.skipped]
        parts.append(_table("Skipped on this machine", ("target", "reason"), rows))
    body = "\n".join(part for part in parts if part)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _verdict(report: Report) -> str:
    if not report.complaints:
        return '<p class="verdict">Every file is within its limits.</p>'
    told = "; ".join(report.complaints)
    return f'<p class="verdict over">Nothing was published: {escape(told)}</p>'


def _differences(file: FileReport) -> tuple[str, ...]:
    parity = file.parity
    return (
        file.artifact.file,
        file.artifact.runtime,
        file.artifact.precision,
        f"{parity.mean_difference:.6f}",
        f"{parity.largest_difference:.6f}",
        f"{100 * parity.control_transposed:.1f} %",
        f"{100 * parity.control_unscaled:.1f} %",
    )


def _table(
    caption: str,
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    over: Iterable[int] = (),
) -> str:
    marked = set(over)
    head = "".join(_cell("th", index, text) for index, text in enumerate(headings))
    lines = []
    for number, row in enumerate(rows):
        kind = ' class="over"' if number in marked else ""
        cells = "".join(_cell("td", index, text) for index, text in enumerate(row))
        lines.append(f"<tr{kind}>{cells}</tr>")
    return (
        f'<div class="wide"><table><caption>{escape(caption)}</caption>\n'
        f"<tr>{head}</tr>\n{chr(10).join(lines)}\n</table></div>"
    )


def _cell(tag: str, index: int, text: str) -> str:
    kind = ' class="text"' if index < _TEXT_COLUMNS else ""
    return f"<{tag}{kind}>{escape(text)}</{tag}>"


def _bars(files: Sequence[FileReport]) -> str:
    """Processor time for one face, the fastest first."""
    if not files:
        return ""
    ordered = sorted(files, key=lambda file: file.milliseconds.processor)
    longest = max(file.milliseconds.processor for file in ordered) or 1.0
    lines = [
        f'<tr><td class="text">{escape(file.artifact.file)}</td>'
        f"<td>{file.milliseconds.processor:.3f} ms</td>"
        f'<td class="bar"><div style="width:{100 * file.milliseconds.processor / longest:.1f}%">'
        "</div></td></tr>"
        for file in ordered
    ]
    return (
        '<div class="wide"><table><caption>Processor time for one face, the fastest first'
        f"</caption>\n{chr(10).join(lines)}\n</table></div>"
    )
