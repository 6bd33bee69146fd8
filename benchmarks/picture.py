"""The rows that have a goal, drawn as an SVG: a bar from the peer's cost to ours, on a logarithmic axis.

The picture brings its own background and follows the reader's colour scheme, so that it can stand on any page.
"""

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from benchmarks.harness import Row
from benchmarks.table import amount, goal_text, ratio_text

_WIDTH: Final = 1000
_LEFT: Final = 390
_RIGHT: Final = 725
_COLUMNS: Final = {"ratio": 784, "goal": 840, "ours": 907, "peer": 976}
_LEAST, _MOST = 1 / 32, 4.0
_TICKS: Final = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0, 2.0, 4.0)
_ROW, _HEADING, _GAP = 26, 24, 12
_TOP: Final = 104

_STYLE: Final = """
  .card { fill: #ffffff; stroke: #d0d7de }
  .grid { stroke: #e4e8ec; stroke-width: 1 }
  .peer { stroke: #57606a; stroke-width: 1.5 }
  text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: #1f2328 }
  .title { font-size: 19px; font-weight: 600 }
  .what { font-weight: 600 }
  .heading { font-weight: 600; paint-order: stroke; stroke: #ffffff; stroke-width: 6px; stroke-linejoin: round }
  .faint { fill: #57606a }
  .small { font-size: 12px }
  .end { text-anchor: end }
  .middle { text-anchor: middle }
  .met { fill: #2a7fb8 }
  .missed { fill: #d1660a }
  .spread { stroke: #1f2328; stroke-width: 1.5 }
  .goal { fill: #1f2328 }
  @media (prefers-color-scheme: dark) {
    .card { fill: #161b22; stroke: #30363d }
    .grid { stroke: #2a3038 }
    .peer { stroke: #9aa4af }
    text { fill: #e6edf3 }
    .faint { fill: #9aa4af }
    .heading { stroke: #161b22 }
    .met { fill: #4aa3df }
    .missed { fill: #f0883e }
    .spread { stroke: #e6edf3 }
    .goal { fill: #e6edf3 }
  }
"""


def picture(rows: Iterable[Row], machine: str) -> str:
    """Return the SVG of the rows that have a goal."""
    drawn = [row for row in rows if row.goal is not None]
    body, bottom = _rows(drawn)
    height = bottom + 58
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title summary">',
        '<title id="title">What gpt-trader-telemetry costs beside its peers</title>',
        f'<desc id="summary">{escape("; ".join(map(_said, drawn)))}</desc>',
        f"<style>{_STYLE}</style>",
        f'<rect class="card" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{height - 1}" rx="8"/>',
        _text(24, 36, "What it costs, beside its peers", "title"),
        _text(24, 58, f"Ratio of ours to the peer, both measured in one run in turns; {machine}", "faint small"),
        *_axis(bottom),
        *body,
        *_legend(bottom + 36),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _said(row: Row) -> str:
    return f"{row.what}, against {row.against}: {ratio_text(row.ratio)}, goal {goal_text(row)}"


def _x(ratio: float) -> float:
    inside = min(max(ratio, _LEAST), _MOST)
    return round(_LEFT + (_RIGHT - _LEFT) * math.log(inside / _LEAST) / math.log(_MOST / _LEAST), 1)


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    return f'<text x="{x}" y="{y}" class="{kind}">{escape(text)}</text>'


def _axis(bottom: int) -> list[str]:
    parts = []
    for tick in _TICKS:
        x = _x(tick)
        kind = "peer" if tick == 1 else "grid"
        parts.append(f'<line class="{kind}" x1="{x}" y1="{_TOP - 12}" x2="{x}" y2="{bottom}"/>')
        name = f"1/{round(1 / tick)}" if tick < 1 else f"{tick:.0f}"
        parts.append(_text(x, _TOP - 18, name, "faint small middle"))
    return [*parts, *(_text(x, _TOP - 18, name, "faint small end") for name, x in _COLUMNS.items())]


def _rows(rows: Sequence[Row]) -> tuple[list[str], int]:
    parts: list[str] = []
    what, y = "", _TOP - _GAP
    for row in rows:
        if row.what != what:
            what = row.what
            y += _GAP + _HEADING
            parts.append(_text(24, y - 7, what, "heading"))
        parts += _bar(row, y)
        y += _ROW
    return parts, y + 6


def _bar(row: Row, y: int) -> list[str]:
    assert row.goal is not None
    here, peer, goal = _x(row.ratio), _x(1.0), _x(row.goal)
    middle = y + _ROW / 2
    kind = "met" if row.met else "missed"
    place = f'x="{min(here, peer)}" y="{middle - 6}" width="{max(abs(peer - here), 2):.1f}" height="12" rx="2"'
    return [
        _text(40, middle + 4, row.against, "faint"),
        f'<rect class="{kind}" {place}><title>{escape(_said(row))}</title></rect>',
        f'<line class="spread" x1="{_x(row.low)}" y1="{middle}" x2="{_x(row.high)}" y2="{middle}"/>',
        f'<path class="goal" d="M{goal} {middle - 10} l4 -4 h-8 z M{goal - 0.8:.1f} {middle - 11} h1.6 v21 h-1.6 z"/>',
        _text(_COLUMNS["ratio"], middle + 4, ratio_text(row.ratio), "what end"),
        _text(_COLUMNS["goal"], middle + 4, goal_text(row), "end faint"),
        _text(_COLUMNS["ours"], middle + 4, amount(row.ours, row.unit), "end"),
        _text(_COLUMNS["peer"], middle + 4, amount(row.peer, row.unit), "end faint"),
    ]


def _legend(y: int) -> list[str]:
    return [
        f'<rect class="met" x="24" y="{y - 10}" width="22" height="12" rx="2"/>',
        _text(52, y, "goal met", "faint small"),
        f'<rect class="missed" x="124" y="{y - 10}" width="22" height="12" rx="2"/>',
        _text(152, y, "not met", "faint small"),
        f'<path class="goal" d="M224 {y - 14} l4 -4 h-8 z M223.2 {y - 15} h1.6 v19 h-1.6 z"/>',
        _text(234, y, "goal", "faint small"),
        f'<line class="spread" x1="284" y1="{y - 4}" x2="306" y2="{y - 4}"/>',
        _text(312, y, "quartiles of the rounds", "faint small"),
        _text(_WIDTH - 24, y, "bars begin at 1, the peer; to the left is less", "faint small end"),
    ]
