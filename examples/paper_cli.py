"""What surrounds the paper bot: its options, its clock, its stop signals and what it prints."""

import argparse
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from types import FrameType
from typing import Any, Final

from candles import Candle, Market
from paper_exchange import Faults, PaperExchange

DATA: Final = Path(__file__).parent / "data" / "EUR-USD_1h.csv"
EVERY: Final = 2.0
"""Seconds between two lines of progress."""
COUNTED: Final = ("filled", "refused", "errors", "guard trips")
"""What of the bot's tally is shown."""


def parse_options(about: str) -> argparse.Namespace:
    """Read the command line; a mistake ends the program with code 2."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    add = parser.add_argument
    add("--duration", type=_seconds, metavar="S", help="stop after so many seconds; else at Ctrl-C")
    add("--tick", type=_seconds, default=0.1, metavar="S", help="seconds between candles (%(default)s)")
    add("--ticks", type=int, metavar="N", help="replay N candles, then only serve; else replay without end")
    add("--candles", type=Path, default=DATA, metavar="FILE.csv", help="SYMBOL_*.csv; default: " + DATA.name)
    add("--seed", type=int, default=7, metavar="N", help="of what the exchange does (%(default)s)")
    add(
        "--faults",
        type=read_faults,
        default=Faults(),
        metavar="NAME=RATE,...",
        help="what the exchange does wrong: " + _names(),
    )
    add("--port", type=int, help="where to serve (GPT_TRADER_HEALTH_PORT, else 8080)")
    add("--ledger", type=_file, metavar="FILE.json", help="write down what the bot itself knows it did")
    return parser.parse_args()


def stop_on_signals(duration: float | None) -> threading.Event:
    """Return an event that Ctrl-C, SIGTERM and the end of ``duration`` set."""
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGINT, on_signal)
    signal.signal(signal.SIGTERM, on_signal)
    if duration is not None:
        timer = threading.Timer(duration, stop.set)
        timer.daemon = True
        timer.start()
    return stop


def replay(
    candles: Iterable[Candle], options: argparse.Namespace, stop: threading.Event
) -> Iterator[tuple[Candle, float]]:
    """Give a candle every ``--tick`` seconds, over and over, with how many seconds late it came."""
    due = time.monotonic()
    for candle in islice(cycle(candles), options.ticks):
        if stop.wait(max(0.0, due - time.monotonic())):
            return
        yield candle, time.monotonic() - due
        # A bot that was held up goes on from now; it does not hurry through what it missed.
        due = max(due + options.tick, time.monotonic())


class Screen:
    """What the bot prints."""

    def __init__(self, market: Market, server: Any, exchange: PaperExchange) -> None:
        self._begun = self._last = time.monotonic()
        print(f"paper bot on {market.symbol}, {len(market.candles)} candles of {market.interval_name}")
        print(f"  metrics   {server.url}/metrics" if server else "  metrics   not served")
        print(f"  exchange  http://{exchange.host}  {_spell(exchange.faults)}")
        print("  Ctrl-C stops it", flush=True)

    def show(self, bot: Any, *, now: bool = False) -> None:
        """Print a line on the state of affairs, if it is time for one."""
        moment = time.monotonic()
        if moment - self._last >= (0.1 if now else EVERY):
            self._last = moment
            counts = "  ".join(f"{name} {bot.tally[name]:<4}" for name in COUNTED)
            print(f"{moment - self._begun:7.1f} s  {counts}  equity ${bot.account.equity:,.2f}", flush=True)

    def rest(self, bot: Any, stop: threading.Event) -> None:
        """Print where the bot ended, and wait until it is to stop."""
        self.show(bot, now=True)
        if not stop.is_set():
            print("the replay is over; still serving until Ctrl-C", flush=True)
        stop.wait()
        print("stopped", flush=True)


def _spell(faults: Faults) -> str:
    shares = ", ".join(f"{name} {100 * rate:.3g}%" for name, rate in faults.rates.items())
    return f"{shares} (late by {faults.late_seconds:g} s)"


def _names() -> str:
    return ", ".join(vars(Faults()))


def read_faults(text: str) -> Faults:
    """Read ``reject=0.2,late=0.1``; what is not named stays as it is by default.

    >>> read_faults("reject=0.2, late=0").reject
    0.2
    """
    try:
        pairs = [item.partition("=") for item in text.split(",") if item.strip()]
        changes = {name.strip(): float(value) for name, _, value in pairs}
        unknown = set(changes) - set(vars(Faults()))
        if unknown:
            raise ValueError(f"{min(unknown)!r} is no fault; there are {_names()}")
        return replace(Faults(), **changes)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _file(text: str) -> Path:
    path = Path(text)
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{path.parent} is no folder that a ledger could be written to")
    return path


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < 1e7:
        raise argparse.ArgumentTypeError(f"{text} is no time in seconds")
    return seconds
