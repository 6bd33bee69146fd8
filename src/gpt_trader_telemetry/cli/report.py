"""``report daily``: what a day of trading came to."""

import argparse
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Final

from gpt_trader_telemetry.cli.ending import Exit, run_to_end
from gpt_trader_telemetry.cli.moments import moment
from gpt_trader_telemetry.cli.output import answer, say
from gpt_trader_telemetry.cli.profiles import add_profile_arguments, chosen_profile
from gpt_trader_telemetry.cli.progress import with_progress
from gpt_trader_telemetry.errors import UsageError
from gpt_trader_telemetry.report.figures import DailyReport
from gpt_trader_telemetry.report.page import as_page
from gpt_trader_telemetry.report.save import save
from gpt_trader_telemetry.report.sources import daily_report
from gpt_trader_telemetry.report.text import as_text
from gpt_trader_telemetry.report.window import window_of
from gpt_trader_telemetry.runtime_data.orders import ALERT_AFTER
from gpt_trader_telemetry.runtime_data.values import finite
from gpt_trader_telemetry.settings import environment

__all__ = ["Exit", "add_arguments", "run"]

UNFILLED_AFTER: Final = "RISK_UNFILLED_ORDER_ALERT_SECONDS"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the report takes."""
    parser.description = "Report what a day of trading came to, from what the bot left on disk."
    kinds = parser.add_subparsers(title="reports", required=True, metavar="REPORT")
    daily = kinds.add_parser(
        "daily", help="a day's figures", description=parser.description, epilog=_EPILOG,
    )  # fmt: skip
    add_profile_arguments(daily)
    daily.add_argument("--date", type=_date, metavar="YYYY-MM-DD", help="the day, in UTC (default: today, up to now)")
    daily.add_argument(
        "--lookback-hours", type=_hours, default=24.0, metavar="N",
        help="how far back from the end of the day, or from now (default: %(default)g)",
    )  # fmt: skip
    daily.add_argument(
        "--report-format", "--format", choices=("text", "json", "html"), default="text",
        help="what to print (default: %(default)s)",
    )  # fmt: skip
    daily.add_argument("--output-dir", type=Path, metavar="FOLDER", help="where to save it (default: the profile's)")
    daily.add_argument("--no-save", action="store_true", help="print it alone")
    daily.add_argument("--now", type=moment, metavar="ISO", help="the time it is, instead of the clock's")


_EPILOG: Final = """\
Saved as runtime_data/PROFILE/reports/daily_report_DATE.txt and .json, and .html where that is asked for. Standard
output has the report and nothing else; notes on what could not be known, and what was saved, go to standard error.

exit codes:
  0  written
  1  no data of that time, or none that can be read
  2  asked wrongly

examples:
  gpt-trader-telemetry report daily --profile prod
  gpt-trader-telemetry report daily --date 2026-02-28 --report-format html
  gpt-trader-telemetry report daily --report-format json --no-save | jq .pnl
"""


def run(arguments: argparse.Namespace) -> int:
    """Make the report, print and save it, and return the code."""
    return run_to_end(lambda: _run(arguments), "report")


def _run(arguments: argparse.Namespace) -> None:
    now = datetime.now(UTC) if arguments.now is None else datetime.fromtimestamp(arguments.now, UTC)
    window = window_of(arguments.date, now, arguments.lookback_hours)
    paths = chosen_profile(arguments)
    report = daily_report(
        paths, window, now=now, unfilled_after=_unfilled_after(), watch=partial(with_progress, what="events read")
    )
    wanted = arguments.report_format
    texts = {"text": as_text, "json": DailyReport.as_json_text, "html": as_page}
    if not arguments.no_save:
        suffixes = {"txt": "text", "json": "json"} | ({"html": "html"} if wanted == "html" else {})
        contents = {f"daily_report_{report.date}.{suffix}": texts[name](report) for suffix, name in suffixes.items()}
        try:
            saved = save(arguments.output_dir or paths.reports, contents)
        except OSError as error:
            raise UsageError(f"{error.filename}: {error.strerror}; --output-dir says where to save it") from None
        for path in saved:
            say(f"saved {path}")
    if wanted != "text":
        for note in report.notes:
            say(f"note: {note}")
    if wanted != "html" or arguments.no_save:
        answer(texts[wanted](report))


def _unfilled_after() -> float:
    text = environment().get(UNFILLED_AFTER, "").strip()
    seconds = finite(text) if text else ALERT_AFTER
    if seconds is None:
        say(f"note: {UNFILLED_AFTER} is {text!r}, which is no number; {ALERT_AFTER:g} s are used")
        return ALERT_AFTER
    return seconds


def _hours(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of hours") from None


def _date(text: str) -> date:
    try:
        # The library's own reader takes 20260206 and 2026-W06-5 as well.
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date; give one such as 2026-02-06") from None
