"""``replay``: when each signal would have warned, gone critical and recovered, by recorded events."""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from gpt_trader_telemetry.cli.ending import Exit, run_to_end
from gpt_trader_telemetry.cli.moments import moment
from gpt_trader_telemetry.cli.output import answer, say
from gpt_trader_telemetry.cli.profiles import add_profile_arguments, chosen_profile
from gpt_trader_telemetry.cli.progress import with_progress
from gpt_trader_telemetry.errors import UsageError
from gpt_trader_telemetry.replay.replayer import Replayer
from gpt_trader_telemetry.replay.text import as_text
from gpt_trader_telemetry.replay.threshold_file import thresholds_of
from gpt_trader_telemetry.runtime_data.events import NoDataError, read_events
from gpt_trader_telemetry.runtime_data.skipped import Skipped
from gpt_trader_telemetry.settings import environment
from gpt_trader_telemetry.thresholds import MARKET_DATA_STALENESS_SECONDS, WS_STALENESS_SECONDS, Thresholds

__all__ = ["Exit", "add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the replay takes."""
    parser.description = (
        "Feed what the bot recorded through the live signals, and print when each would have alarmed: thresholds can "
        "be tried before they page anyone."
    )
    parser.epilog = _EPILOG
    add_profile_arguments(parser)
    parser.add_argument("--from", dest="start", type=moment, metavar="ISO", help="where to begin (default: the log's)")
    parser.add_argument("--to", dest="end", type=moment, metavar="ISO", help="where to end (default: the log's)")
    parser.add_argument(
        "--thresholds", type=Path, metavar="FILE",
        help="TOML, or lines of GPT_TRADER_..._CRIT=value; over those of the environment",
    )  # fmt: skip
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="what to print (default: %(default)s)"
    )
    parser.add_argument("--now", type=moment, metavar="ISO", help="the time it is, instead of the clock's")


_EPILOG: Final = """\
exit codes:
  0  replayed, whatever was found
  1  no events of that time, or none that can be read
  2  asked wrongly

examples:
  gpt-trader-telemetry replay --profile prod --from 2026-02-01 --to 2026-03-01
  gpt-trader-telemetry replay --profile prod --thresholds tighter.toml
  GPT_TRADER_GUARD_TRIP_COUNT_CRIT=20 gpt-trader-telemetry replay --profile prod
"""


def run(arguments: argparse.Namespace) -> int:
    """Replay, print what was found, and return the code."""
    return run_to_end(lambda: _run(arguments), "replay")


def _run(arguments: argparse.Namespace) -> None:
    start, end = arguments.start, arguments.end
    if start is not None and end is not None and start >= end:
        begin, finish = (datetime.fromtimestamp(moment, UTC).isoformat() for moment in (start, end))
        raise UsageError(f"--from {begin} is not before --to {finish}")
    paths = chosen_profile(arguments)
    thresholds = thresholds_of(arguments.thresholds, environment())
    now = datetime.now(UTC).timestamp() if arguments.now is None else arguments.now
    replayer, skipped = Replayer(thresholds, start=start), Skipped()
    events = read_events(
        paths, since=None if start is None else start - _lead(thresholds), until=min(now, end or now),
        kinds=replayer.kinds, skipped=skipped,
    )  # fmt: skip
    for event in with_progress(events, "events replayed"):
        replayer.take(event)
    result = replayer.finish(paths.profile)
    if skipped.total:
        say(f"note: records left out: {skipped}")
    if result.end <= result.start:
        raise NoDataError(f"{paths.folder} has no event of that time")
    answer(
        json.dumps(result.as_json(), indent=2, allow_nan=False) + "\n"
        if arguments.format == "json"
        else as_text(result)
    )


def _lead(thresholds: Thresholds) -> float:
    """Return how long before the start events are read, so that windows are full and ages right when it begins."""
    slowest = max(thresholds.limits(name).crit for name in (WS_STALENESS_SECONDS, MARKET_DATA_STALENESS_SECONDS))
    return thresholds.window_seconds + slowest + 60.0
