"""Hard bounds of the daily report and the replay."""

import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gpt_trader_telemetry.replay.replayer import Replayer
from gpt_trader_telemetry.report.daily import report_of
from gpt_trader_telemetry.report.tally import Tally
from gpt_trader_telemetry.report.window import window_of
from gpt_trader_telemetry.runtime_data.event import Event
from gpt_trader_telemetry.thresholds import Thresholds
from support.runtime_bots import END
from support.runtime_fuzz import check

pytestmark = pytest.mark.soak

ROOT = Path(__file__).parents[2]
PEAK = """
import resource, sys
from gpt_trader_telemetry.cli.main import main
code = main(sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_SELF)
print(code, used.ru_maxrss, used.ru_utime + used.ru_stime, file=sys.stderr)
"""


def measured(root, *words):
    """Run a command in a process of its own: (code, peak in KiB, processor seconds)."""
    told = subprocess.run(
        [sys.executable, "-c", PEAK, *words, "--runtime-root", str(root)], capture_output=True, text=True, check=True
    )
    code, peak, seconds = told.stderr.split()[-3:]
    return int(code), int(peak), float(seconds)


def test_memory_does_not_grow_with_the_log_and_time_keeps_its_bound(tmp_path):
    """A tenth of a million events against a tenth of that; a million may take 10 s."""
    asked = ("report", "daily", "--date", "2026-02-28", "--no-save")
    found = []
    for events in (10_000, 200_000):
        root = tmp_path / str(events)
        made = [sys.executable, ROOT / "examples/runtime_fixtures.py", "--root", root, "--events", str(events)]
        subprocess.run(list(map(str, made)), check=True, capture_output=True)
        found.append(measured(root, *asked))
    (code, small, base), (other, large, taken) = found
    assert (code, other) == (0, 0)
    assert large < small + 40_000
    assert taken - base < 10 * 200_000 / 1_000_000 * 1.5


def test_a_day_of_a_million_fills_is_added_up_in_bounded_memory():
    """The dearest event there is, a million times."""
    end = window_of(None, datetime.fromtimestamp(END, UTC))
    tally, before = Tally(end), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.process_time()
    for number in range(1_000_000):
        pnl = ("1.25", "-0.75", "0")[number % 3]
        tally.take(
            Event("fill", END - 86_400 + number * 0.08, {"symbol": f"S{number % 50}", "pnl": pnl, "fee": "0.01"})
        )
    report = report_of(tally, profile="p", now=datetime.fromtimestamp(END, UTC))
    assert (report.trades.total, report.fees) == (666_667, 10_000.0)
    assert time.process_time() - begun < 30
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000


def test_a_month_of_replay_takes_no_longer_than_people_wait():
    """Thirty days of a quiet bot: half a million steps, of which few are judged; a year of silence costs nothing."""
    replayer, begun = Replayer(Thresholds()), time.process_time()
    for at in range(0, 30 * 86_400, 30):
        replayer.take(Event("price_tick", END + at, {"symbol": "BTC-USD"}))
    replayer.take(Event("price_tick", END + 395 * 86_400, {"symbol": "BTC-USD"}))
    result = replayer.finish("p")
    assert time.process_time() - begun < 40
    assert result.summaries["market_data_staleness_seconds"].seconds["CRIT"] > 364 * 86_400
    assert [change.after.value for change in result.changes if change.signal.startswith("market")] == [
        "WARN",
        "CRIT",
        "OK",
    ]


@pytest.mark.parametrize("part", range(5))
def test_more_nonsense_never_ends_it(part, capsys):
    """Three hundred more damaged profiles, sixty in each part."""
    for seed in range(10_000 + 60 * part, 10_060 + 60 * part):
        check(seed, capsys)
