"""Candles from a CSV file, and what is wrong with them."""

import csv
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

COLUMNS: Final = ("timestamp", "open", "high", "low", "close", "volume")
SPIKE: Final = 12
"""A move this many times the median one is a spike."""


class Candle(NamedTuple):
    """What a market did in one interval."""

    time: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float


@dataclass(frozen=True)
class Market:
    """The candles of one market."""

    symbol: str
    interval: timedelta
    candles: list[Candle]

    @property
    def interval_name(self) -> str:
        """The interval as exchanges write it, such as 4h."""
        seconds = int(self.interval.total_seconds())
        for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
            if seconds >= length and seconds % length == 0:
                return f"{seconds // length}{unit}"
        return f"{seconds}s"

    @property
    def issues(self) -> list[tuple[str, str]]:
        """Type and severity of every gap, spike and empty candle."""
        steps = list(pairwise(self.candles))
        moves = [abs(after.close / before.close - 1) for before, after in steps]
        usual = median(moves)
        gaps = [("gap", "warning") for before, after in steps if after.time - before.time > self.interval]
        spikes = [("spike", "warning") for move in moves if usual and move > SPIKE * usual]
        empty = [("volume_anomaly", "warning") for candle in self.candles if candle.volume == 0]
        return gaps + spikes + empty

    @property
    def score(self) -> float:
        """The share of candles without an issue."""
        return max(0.0, 1 - len(self.issues) / len(self.candles))


class BadCandlesError(ValueError):
    """A file that is not what it should be; the message names the file and the line."""


def load_market(path: Path) -> Market:
    """Read a file of ``timestamp,open,high,low,close,volume``; its name begins with the symbol.

    A timestamp is ISO 8601 (UTC unless it says otherwise) or Unix seconds. Raises BadCandlesError.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            header = tuple(name.strip() for name in next(reader, []))
            if header != COLUMNS:
                raise BadCandlesError(f"{path}: the first line must be {','.join(COLUMNS)}")
            candles = [_candle(row, f"{path} line {reader.line_num}") for row in reader if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        what = getattr(error, "strerror", None) or error
        raise BadCandlesError(f"{path} cannot be read: {what}") from error
    if len(candles) < 2:
        raise BadCandlesError(f"{path} has {len(candles)} candles; two are the least")
    for before, after in pairwise(candles):
        if after.time <= before.time:
            raise BadCandlesError(f"{path}: {after.time.isoformat()} comes after {before.time.isoformat()}")
    return Market(path.stem.split("_")[0], _interval_of(candles), candles)


def _candle(row: list[str], where: str) -> Candle:
    try:
        text, *numbers = row
        candle = Candle(_time(text), *map(float, numbers))
    except (ValueError, TypeError, OverflowError, OSError) as error:
        raise BadCandlesError(f"{where} is no candle: {','.join(row)[:100]!r}") from error
    if not all(map(math.isfinite, candle[1:])) or candle.low <= 0 or candle.volume < 0:
        raise BadCandlesError(f"{where}: a price must be above 0 and a volume at least 0")
    if not candle.low <= min(candle.open, candle.close) <= max(candle.open, candle.close) <= candle.high:
        raise BadCandlesError(f"{where}: the low and the high must enclose the open and the close")
    return candle


def _time(text: str) -> datetime:
    if text.strip().replace(".", "", 1).isdecimal():
        return datetime.fromtimestamp(float(text), UTC)
    time = datetime.fromisoformat(text.strip())
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _interval_of(candles: Sequence[Candle]) -> timedelta:
    """Return the time between candles, which is the most frequent one."""
    steps = Counter(after.time - before.time for before, after in pairwise(candles))
    return steps.most_common(1)[0][0]
