"""What the dashboards count when bots are started anew, fall silent, or are seen by two roads: hours, in promtool."""

import json
import shutil
import subprocess
from collections.abc import Mapping

import pytest

from gpt_trader_telemetry.rules.dashboards import DASHBOARDS, dashboard_text
from gpt_trader_telemetry.rules.site import Site

pytestmark = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not on this machine (Debian package: prometheus)"
)
STEP = 15
HOUR = 3600
HEARTBEAT = "gpt_trader_telemetry_heartbeat_timestamp_seconds"
BOT, FLEET = (
    {
        panel["title"]: panel["targets"][0]["expr"]
        for panel in json.loads(dashboard_text(kind, Site()))["panels"]
        if panel.get("targets")
    }
    for kind in DASHBOARDS
)
Series = Mapping[str, str]


def lasting(since: int, until: int, value: float) -> str:
    """Return samples of one value, each scrape from one time up to another; none before and after."""
    before, during = since // STEP, (until - since) // STEP
    return f"{f'_x{before} ' if before else ''}{value:g}x{during - 1} stale"


def shipping(instance: str, since: int, ended: int, equity: float, job: str = "gpt-trader") -> Series:
    """Return what the Collector hands on: an export each minute, and the last one for ten minutes more."""
    labels = f'{{job="{job}",instance="{instance}"}}'
    told = [60 * (second // 60) if second < ended else ended for second in range(since, ended + 600, STEP)]
    beats = f"{f'_x{since // STEP} ' if since else ''}{' '.join(map(str, told))} stale"
    levels = {
        "equity_dollars": equity, "total_pnl_usd": equity / 100, "open_orders": 2, "symbol_exposure_usd": -equity / 10,
    }  # fmt: skip
    return {
        f"{HEARTBEAT}{labels}": beats,
        **{f"gpt_trader_{name}{labels}": lasting(since, ended + 600, value) for name, value in levels.items()},
    }


def scraped(instance: str, own_id: str, ended: int, equity: float) -> Series:
    """Return what a bot says that Prometheus asks itself."""
    labels = f'job="gpt-trader",instance="{instance}"'
    return {
        f"up{{{labels}}}": lasting(0, ended, 1),
        f'target_info{{service_instance_id="{own_id}",{labels}}}': lasting(0, ended, 1),
        f"{HEARTBEAT}{{{labels}}}": f"0+{STEP}x{ended // STEP - 1} stale",
        f"gpt_trader_equity_dollars{{{labels}}}": lasting(0, ended, equity),
    }


@pytest.fixture
def shown(tmp_path):
    """Check what a panel shows at times, by promtool."""

    def shown(series: Series, expression: str, at: Mapping[int, float | None], prefix: str = "gpt_trader") -> None:
        variables = {"${prefix}": prefix, "$job": ".*", "$instance": ".*", "$__rate_interval": "5m"}
        for name, value in variables.items():
            expression = expression.replace(name, value)
        tests = {
            "tests": [
                {
                    "interval": f"{STEP}s",
                    "input_series": [{"series": name, "values": values} for name, values in series.items()],
                    "promql_expr_test": [
                        {
                            "expr": expression,
                            "eval_time": f"{second}s",
                            "exp_samples": [] if value is None else [{"labels": "{}", "value": value}],
                        }
                        for second, value in at.items()
                    ],
                }
            ]
        }
        file = tmp_path / "tests.yml"
        file.write_text(json.dumps(tests))
        done = subprocess.run(["promtool", "test", "rules", file], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    return shown


RESTARTED = {
    **shipping("first", 0, HOUR, 1000), **shipping("second", HOUR + 60, 3 * HOUR, 1010),
    **shipping("other", 0, 3 * HOUR, 500),
}  # fmt: skip
"""Two bots, one of which is started anew after an hour."""
AFTER = HOUR + 210
"""From here the ended instance is known to be silent; the Collector hands it on for six minutes more."""


@pytest.mark.parametrize(
    ("expression", "before", "after"),
    [
        pytest.param(panels[title], before, after, id=f"{dashboard}: {title}")
        for dashboard, panels, title, before, after in (
            ("bot", BOT, "Equity", 1500, 1510), ("bot", BOT, "Profit and loss", 15, 15.1),
            ("bot", BOT, "Gross exposure", 150, 151), ("bot", BOT, "Open orders", 4, 4),
            ("fleet", FLEET, "Equity", 1500, 1510), ("fleet", FLEET, "Profit and loss", 15, 15.1),
            ("fleet", FLEET, "Bots heard of", 2, 2),
        )
    ],
)  # fmt: skip
def test_totals_hold_the_living_alone(shown, expression, before, after) -> None:
    """A bot that was started anew is not two accounts while the Collector still serves what the first one said."""
    times = range(AFTER, HOUR + 900, 60)
    shown(RESTARTED, expression, {HOUR - 30: before, **dict.fromkeys(times, after)})


def test_a_bot_that_was_started_anew_is_not_missed(shown) -> None:
    """At no time after it: not while both are heard of, and not in the hour after."""
    shown(RESTARTED, FLEET["Silent bots"], dict.fromkeys(range(HOUR - 600, 3 * HOUR, 97), 0))


def test_bots_that_fall_silent_are_counted_for_as_long_as_they_are_missed(shown) -> None:
    """One and then the other, and those of another job are no successors."""
    series = {
        **shipping("one", 0, HOUR, 1), **shipping("two", 0, HOUR + 900, 1),
        **shipping("theirs", HOUR, 4 * HOUR, 1, job="theirs"),
    }  # fmt: skip
    shown(series, FLEET["Silent bots"], {HOUR: 0, HOUR + 600: 1, HOUR + 1200: 2, HOUR + 2400: 2})


def test_one_bot_that_died_is_missed(shown) -> None:
    """Where nobody is left there is still a number."""
    shown(shipping("one", 0, HOUR, 1), FLEET["Silent bots"], {HOUR: 0, HOUR + 300: 1, HOUR + 1500: 1})


@pytest.mark.parametrize("panels", [BOT, FLEET])
def test_a_bot_seen_by_two_roads_is_one_account(shown, panels) -> None:
    """Its scrape wins, and what it ships takes over when the scrapes fail."""
    series = {**shipping("uuid", 0, 2 * HOUR, 1000), **scraped("host:8080", "uuid", HOUR, 1000)}
    shown(series, panels["Equity"], {HOUR - 60: 1000, HOUR + 60: 1000})


def test_the_exporters_accounts_have_no_heartbeat_and_are_shown(shown) -> None:
    """Their instance is the exporter's address, which no restart changes."""
    series = {'coinbase_trader_equity{job="gpt-trader-exporter",instance="host:9000"}': lasting(0, HOUR, 7)}
    shown(series, BOT["Equity"], {600: 7}, prefix="coinbase_trader")
