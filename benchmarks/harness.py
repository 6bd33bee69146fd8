"""Rounds, ratios and rows: what every subject shares."""

import gc
import statistics
import timeit
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import thread_time
from typing import Any, Final

REPEATS: Final = 3
"""Loops of one variant in one round; the shortest is kept, since a disturbance only ever adds."""

_LOOP_SECONDS: Final = 0.008


class BenchmarkError(Exception):
    """A subject could not run, or did not record what it should have."""


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison: what ours and the peer's took, and the ratio of the two in each round.

    ``ours`` and ``peer`` are medians in ``unit``; ``ratio`` is the median of the rounds' own ratios, ``low`` and
    ``high`` their quartiles. ``goal`` is the greatest ratio that will do, or the least where ``at_least``; without
    one, the row is there for the reader.
    """

    key: str
    what: str
    against: str
    unit: str
    ours: float
    peer: float
    ratio: float
    low: float
    high: float
    rounds: int
    goal: float | None = None
    at_least: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where there is none."""
        if self.goal is None:
            return None
        return self.ratio >= self.goal if self.at_least else self.ratio <= self.goal


def compared(
    key: str,
    what: str,
    against: str,
    ours: Sequence[float],
    peer: Sequence[float],
    *,
    unit: str = "s",
    goal: float | None = None,
    at_least: bool = False,
) -> Row:
    """Make a row of what ours and the peer's took in each round."""
    ratios = [mine / theirs for mine, theirs in zip(ours, peer, strict=True) if theirs > 0]
    if not ratios:
        raise BenchmarkError(f"{key}: the peer took no time that could be measured")
    low, ratio, high = _quartiles(ratios)
    mine, theirs = statistics.median(ours), statistics.median(peer)
    return Row(key, what, against, unit, mine, theirs, ratio, low, high, len(ratios), goal, at_least)


def _quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    if len(values) < 4:
        return min(values), statistics.median(values), max(values)
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def less(values: Sequence[float], bare: Sequence[float]) -> list[float]:
    """Return what is added to the bare call, round by round."""
    return [value - base for value, base in zip(values, bare, strict=True)]


def rounds_of(variants: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Run every variant once a round, each round beginning with another one; the first round only warms up."""
    taken: dict[str, list[float]] = {name: [] for name in variants}
    order = list(variants)
    for number in range(rounds + 1):
        gc.collect()
        for name in order[number % len(order) :] + order[: number % len(order)]:
            value = variants[name]()
            if number:
                taken[name].append(value)
    return taken


class Loop:
    """Calls of one function, timed on the processor clock of the thread that makes them.

    Args:
        time_calls: makes so many calls and returns the seconds they took.
        settle: called after the loops of a round, outside what is timed; its own time is kept in ``settling``.
        calls: the most calls in one loop.
    """

    def __init__(
        self, time_calls: Callable[[int], float], *, settle: Callable[[], object] | None = None, calls: int = 20_000
    ) -> None:
        self._time_calls = time_calls
        self._settle = settle
        self._most = calls
        self._number = 0
        self.calls = 0
        """How many calls were made in all."""
        self.settling: list[float] = []
        """Seconds of settling for each call, round by round."""

    def __call__(self) -> float:
        """Return the seconds of one call, in this round."""
        if not self._number:
            trial = min(200, self._most)
            self._number = max(100, min(self._most, int(_LOOP_SECONDS / (self._time(trial) / trial))))
        if self._settle is not None:
            self._settle()
        seconds = min(self._time(self._number) for _ in range(REPEATS)) / self._number
        if self._settle is not None:
            begun = thread_time()
            self._settle()
            self.settling.append((thread_time() - begun) / (REPEATS * self._number))
        return seconds

    def settled(self, seconds: Iterable[float]) -> list[float]:
        """Return ``seconds``, one for each counted round, with the settling added."""
        return [value + extra for value, extra in zip(seconds, self.settling[1:], strict=True)]

    def _time(self, number: int) -> float:
        self.calls += number
        return self._time_calls(number)


def loop_of(
    statement: str, function: Callable[..., Any], *, settle: Callable[[], object] | None = None, calls: int
) -> Loop:
    """Return a loop over a statement in which ``call`` is the function; the garbage collector stays on."""
    timer = timeit.Timer(statement, "import gc; gc.enable()", timer=thread_time, globals={"call": function})
    return Loop(timer.timeit, settle=settle, calls=calls)


def must_equal(what: str, found: object, expected: object) -> None:
    """Raise where something else was recorded than what was called."""
    if found != expected:
        raise BenchmarkError(f"{what}: {found!r} was recorded, {expected!r} was expected")


def sample(text: str, name: str, labels: Mapping[str, str]) -> float | None:
    """Return a sample of an answer to a scrape; its labels stand in the order in which they are given."""
    series = name + "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "} "
    value = text.partition(f"\n{series}")[2].partition("\n")[0]
    return float(value) if value else None
