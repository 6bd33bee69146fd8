"""A curve over time in memory that does not grow with the number of its points."""

from dataclasses import dataclass
from typing import Final

from gpt_trader_telemetry.report.window import Window

STEPS: Final = 480
"""More than a chart has pixels for on paper; a day has one each 3 minutes."""


@dataclass(slots=True)
class Step:
    """The values within one step of time, and when the extreme ones of them were."""

    first: tuple[float, float]
    last: tuple[float, float]
    low: tuple[float, float]
    high: tuple[float, float]


class Curve:
    """The course of a value, reduced to the first, last, least and greatest of each step: no spike is lost."""

    def __init__(self, window: Window) -> None:
        self._start = window.start
        self._width = (window.end - window.start) / STEPS
        self._steps: dict[int, Step] = {}

    def take(self, at: float, value: float) -> None:
        """Take a point in; of two at one moment the later one is the last."""
        number = int((at - self._start) / self._width)
        point = (at, value)
        step = self._steps.get(number)
        if step is None:
            self._steps[number] = Step(point, point, point, point)
            return
        if at >= step.last[0]:
            step.last = point
        elif at < step.first[0]:
            step.first = point
        if value < step.low[1]:
            step.low = point
        if value > step.high[1]:
            step.high = point

    def points(self) -> list[tuple[float, float]]:
        """Return (time, value), the earliest first.

        >>> from datetime import date
        >>> curve = Curve(Window(date(2026, 2, 6), 0.0, 480.0))
        >>> for second in range(480):
        ...     curve.take(second + 0.5, 0.0 if second != 7 else -9.0)
        >>> min(curve.points(), key=lambda point: point[1])
        (7.5, -9.0)
        """
        points: dict[tuple[float, float], None] = {}
        for number in sorted(self._steps):
            step = self._steps[number]
            inner = sorted((step.low, step.high))
            points.update(dict.fromkeys((step.first, *inner, step.last)))
        return list(points)
