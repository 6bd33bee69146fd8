"""What surrounds the bots of real clients: their options, their telemetry and what they print."""

import argparse
import sys
import time
from typing import Any

from gpt_trader_telemetry import ConfigurationError, Settings, Telemetry, configure
from paper_cli import EVERY, read_faults
from paper_exchange import Faults


def parse_options(about: str) -> argparse.Namespace:
    """Read the command line; a mistake ends the program with code 2."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    add = parser.add_argument
    add("--duration", type=float, metavar="S", help="stop after so many seconds; else at Ctrl-C")
    add("--every", type=float, default=0.25, metavar="S", help="seconds between decisions (%(default)s)")
    add("--seed", type=int, default=7, metavar="N", help="of what the exchange does (%(default)s)")
    add(
        "--faults",
        type=read_faults,
        default=Faults(),
        metavar="NAME=RATE,...",
        help="what the exchange does wrong: " + ", ".join(vars(Faults())),
    )
    add("--drops", type=float, default=20, metavar="S", help="seconds between two drops of the feed")
    add("--port", type=int, help="where to serve (GPT_TRADER_HEALTH_PORT, else 8080)")
    return parser.parse_args()


def start_telemetry(port: int | None) -> Telemetry:
    """Serve metrics and health; a port that is taken, or a wrong variable, ends the program with code 2."""
    try:
        settings = Settings.from_env(health_server_enabled=True, metrics_endpoint_enabled=True)
        return configure(settings=settings if port is None else settings.with_changes(health_port=port))
    except ConfigurationError as error:
        print(f"{sys.argv[0]}: {error}", file=sys.stderr)
        raise SystemExit(2) from None


class Screen:
    """What the bot prints, and when the exchange drops its feed."""

    def __init__(self, traded: str, telemetry: Telemetry, exchange: Any, *, drops: float) -> None:
        self._exchange, self._drops = exchange, drops
        self._begun = self._shown = self._dropped = time.monotonic()
        print(f"bot on {traded}")
        print(f"  metrics   {telemetry.server.url}/metrics")
        print(f"  exchange  {exchange.url}, on paper")
        print("  Ctrl-C stops it", flush=True)

    def after_decision(self, bot: Any) -> None:
        """Print a line on the state of affairs, and drop the feed, if it is time to."""
        now = time.monotonic()
        if now - self._dropped > self._drops:
            self._dropped = now
            self._exchange.feed.drop()
        if now - self._shown > EVERY:
            self._shown = now
            counts = "  ".join(f"{name} {number}" for name, number in sorted(bot.tally.items()))
            print(f"{now - self._begun:7.1f} s  equity ${bot.equity:,.2f}  {counts or 'looks on'}", flush=True)
