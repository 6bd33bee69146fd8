"""Charts as SVG that stretches to any width; their labels are HTML beside it, so that they keep their size.

What is drawn lies in a box of 1000 by 300; no script, no style attribute, nothing fetched.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Final

from gpt_trader_telemetry.report.spelling import money
from gpt_trader_telemetry.report.window import Window

WIDE: Final = 1000.0
HIGH: Final = 300.0
_INTERVALS: Final = 4
_STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)
_TIMES: Final = 5

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Scale:
    """A value axis: ticks at even distances, the lowest first."""

    ticks: tuple[float, ...]
    step: float

    def y(self, value: float) -> float:
        """Return where a value lies, from the top."""
        low, high = self.ticks[0], self.ticks[-1]
        return HIGH * (high - value) / (high - low)

    def labels(self) -> list[str]:
        """Spell the ticks, the highest first, all to the same place."""
        return [_label(tick, self.step) for tick in reversed(self.ticks)]


def scale_of(values: Sequence[float]) -> Scale:
    """Return an axis on which all values lie, with round ticks.

    >>> scale_of([9_990.0, 10_240.0]).labels()
    ['10,300', '10,200', '10,100', '10,000', '9,900']
    >>> scale_of([0.0]).labels()
    ['1.0', '0.5', '0.0', '-0.5', '-1.0']
    """
    low, high = min(values), max(values)
    if high - low < max(abs(low), abs(high)) * 1e-9 or high == low:  # a flat line, in the middle
        middle, around = (low + high) / 2, max(abs(low), abs(high)) / 100 or 1.0
        low, high = middle - around, middle + around
    width = high - low
    power = 10.0 ** math.floor(math.log10(width / _INTERVALS))
    step = next(power * size for size in _STEPS if power * size * _INTERVALS >= width * 0.999)
    first, last = math.floor(low / step), math.ceil(high / step)
    last = max(last, first + 1)
    return Scale(tuple(number * step for number in range(first, last + 1)), step)


def _label(value: float, step: float) -> str:
    largest = max(abs(value), step)
    if largest >= 1e7:  # noqa: PLR2004
        return money(value, width=7)
    places = next((places for places in range(9) if abs(round(step, places) - step) < step * 1e-6), 8)
    return f"{value + 0.0:,.{places}f}"


def chart(points: Points, window: Window, *, kind: str, summary: str, steps: bool = False, zero: bool = False) -> str:
    """Return a figure: the line of ``points``, the area between it and the baseline, and both axes.

    Args:
        points: (time, value), the earliest first; at least one.
        window: what the time axis spans.
        kind: the class that it is coloured by.
        summary: what it shows in words, for those who cannot see it.
        steps: whether a value stays until the next one, as a sum does.
        zero: whether the axis has to reach zero, and the area ends there.
    """
    scale = scale_of([value for _, value in points] + ([0.0] if zero else []))
    placed = [(WIDE * (at - window.start) / (window.end - window.start), scale.y(value)) for at, value in points]
    line = _line(placed, steps=steps)
    base = scale.y(0.0) if zero else HIGH
    area = f"M{_n(placed[0][0])} {_n(base)}L{line[1:]}L{_n(placed[-1][0])} {_n(base)}Z" if len(placed) > 1 else ""
    grid = "".join(f"M0 {_n(scale.y(tick))}H{_n(WIDE)}" for tick in scale.ticks)
    axis = f'<path class="zero" d="M0 {_n(base)}H{_n(WIDE)}"/>' if zero else ""
    return (
        f'<div class="chart {kind}"><div class="ticks">{_spans(scale.labels())}</div>'
        f'<svg role="img" viewBox="0 0 {_n(WIDE)} {_n(HIGH)}" preserveAspectRatio="none">'
        f"<title>{escape(summary)}</title>"
        f'<path class="grid" d="{grid}"/><path class="area" d="{area}"/>{axis}<path class="line" d="{line}"/></svg>'
        f'<div class="times">{_spans(times(window))}</div></div>'
    )


def times(window: Window) -> list[str]:
    """Spell evenly spaced moments of the window, both ends among them."""
    moments = [window.start + (window.end - window.start) * part / (_TIMES - 1) for part in range(_TIMES)]
    pattern = "%H:%M" if window.hours <= 24 else "%b %d %H:%M" if window.hours < 24 * 5 else "%b %d"  # noqa: PLR2004
    return [f"{datetime.fromtimestamp(round(at), UTC):{pattern}}" for at in moments]


def bar(value: float, least: float, most: float) -> str:
    """Return a bar from zero to ``value`` where ``least`` to ``most``, around zero, span its width."""
    span = most - least or 1.0
    zero = WIDE * -least / span
    end = WIDE * (value - least) / span
    left, width = min(zero, end), max(abs(end - zero), 2.0)
    kind = "loss" if value < 0 else "gain"
    return (
        f'<svg class="bar" aria-hidden="true" viewBox="0 0 {_n(WIDE)} 10" preserveAspectRatio="none">'
        f'<rect class="{kind}" x="{_n(min(left, WIDE - width))}" width="{_n(width)}" height="10" y="0"/>'
        f'<path class="zero" d="M{_n(zero)} -2V12"/></svg>'
    )


def _line(placed: Points, *, steps: bool) -> str:
    first, *others = placed
    parts = [f"M{_n(first[0])} {_n(first[1])}"]
    for x, y in others:
        parts.append(f"H{_n(x)}V{_n(y)}" if steps else f"L{_n(x)} {_n(y)}")
    return "".join(parts) + ("" if others else "h0")


def _spans(texts: Sequence[str]) -> str:
    return "".join(f"<span>{escape(text)}</span>" for text in texts)


def _n(number: float) -> str:
    """Spell a coordinate to a tenth.

    >>> _n(12.0), _n(3.14159)
    ('12', '3.1')
    """
    return f"{round(number, 1):g}" if abs(number) < 1e5 else "0"  # noqa: PLR2004 - none lies outside the box
