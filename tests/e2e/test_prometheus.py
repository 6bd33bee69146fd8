"""A real Prometheus scrapes the paper bot, and its alert expressions say what the bot's own ledger says."""

import json
import re
import shutil
import subprocess
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from paper_process import PATIENCE, Account, running, wait_for
from prometheus_process import Labels, Prometheus, Samples, bucketed, increase, quantile, scraping

from gpt_trader_telemetry import Settings, Telemetry
from gpt_trader_telemetry.catalog import CATALOG, LATENCY_BUCKETS, Kind
from gpt_trader_telemetry.instrument.process import ProcessUsage
from support.receivers import free_port
from support.scraping import TEXT, Scrape, parse

MISSING = [tool for tool in ("prometheus", "promtool") if shutil.which(tool) is None]
pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"{' and '.join(MISSING)} not on this machine (Debian package: prometheus)"
)

RULES = Path(__file__).parents[2] / "collector" / "rules" / "playbook.yml"
DOWN = 'up{job="gpt-trader"} == 0'
ERROR_RATE = (
    'sum(rate(gpt_trader_order_submission_total{result=~"failed|rejected"}[5m]))'
    " / sum(rate(gpt_trader_order_submission_total[5m]))"
)
SUBMIT_BUCKETS = 'gpt_trader_broker_call_latency_seconds_bucket{operation="submit"}'
P95 = f"histogram_quantile(0.95, sum(rate({SUBMIT_BUCKETS}[5m])) by (le))"
TRIPS = "increase(gpt_trader_guard_trips_total[5m])"

# 500 candles, about 300 orders: so many faults that the error rate is above the alert's 15 %, and a 95th percentile
# well inside a bucket. The first order comes after 24 candles, when the server has seen every counter at zero.
OPTIONS = ("--ticks", "500", "--tick", "0.025")
FAULTS = "late=0.12,late_seconds=0.17,reject=0.2,rate_limit=0.04,unavailable=0.02,drop=0.02,hang=0.004"


@dataclass
class Story:
    """What a Prometheus server had to say before, during and after a run of the bot, and the bot's ledger."""

    server: Prometheus
    ledger: Account
    at: float
    """When the last sample was scraped that is judged: with no time after it, nothing is extrapolated there."""
    scrape: Scrape
    text: str
    down: dict[str, dict[Labels, float]] = field(default_factory=dict)
    rules: list[dict] = field(default_factory=list)
    targets: list[dict] = field(default_factory=list)

    def query(self, expression: str) -> dict[Labels, float]:
        """Evaluate an expression at the end of the run."""
        return self.server.query(expression, self.at)

    def samples(self, selector: str) -> dict[Labels, Samples]:
        """Return the scraped samples of the run."""
        return self.server.samples(selector, self.at)


@pytest.fixture(scope="module")
def story(tmp_path_factory) -> Story:
    """Let Prometheus wait for the bot, watch it trade, see it rest, and see it go."""
    folder = tmp_path_factory.mktemp("prometheus")
    port, path = free_port(), folder / "ledger.json"
    with scraping(folder, RULES, {"gpt-trader": f"127.0.0.1:{port}"}) as server:
        down = {"before": wait_for(lambda: server.query(DOWN) or None, "a failed scrape")}
        options = (*OPTIONS, "--faults", FAULTS, "--port", str(port), "--ledger", str(path))
        with running(*options) as bot:
            bot.until_replayed()
            ledger, submissions = Account(path), "gpt_trader_order_submission_total"
            orders = sum(ledger.count("submissions", "result").values())
            wait_for(lambda: sum(server.query(submissions).values()) == orders or None, "a scrape of the last order")
            down["running"] = server.query(DOWN)
            at = float(server.get("query", query=f"max(timestamp({submissions}))")["result"][0]["value"][1])
            text = bot.text(TEXT)
            told = Story(server, ledger, at, parse(text), text, down)
            told.rules = [rule for group in server.get("rules")["groups"] for rule in group["rules"]]
            told.targets = server.get("targets")["activeTargets"]
            assert bot.stop()[0] == 0
        down["after"] = wait_for(lambda: server.query(DOWN) or None, "a failed scrape at the end")
        yield told


def labelled(**labels: str) -> Labels:
    """Return labels as results have them."""
    return frozenset(labels.items())


def test_prometheus_saw_every_counter_at_zero_first(story):
    """What the exact comparisons below rest on: counters of known labels are there before anything happens."""
    for name in ("gpt_trader_order_submission_total", "gpt_trader_guard_trips_total"):
        assert all(samples[0][1] == 0 for samples in story.samples(name).values())
    assert sum(story.ledger.count("submissions", "result").values()) >= 200


def test_the_endpoint_is_down_without_the_bot_and_up_with_it(story):
    """MetricsEndpointDown has a result before the bot starts and after it has ended, and none while it runs."""
    assert list(story.down["before"].values()) == list(story.down["after"].values()) == [0]
    assert story.down["running"] == {}
    assert [(target["health"], target["lastError"]) for target in story.targets] == [("up", "")]


def test_the_order_error_rate_is_that_of_the_ledger(story):
    """OrderErrorRateHigh: exact, since all of its series begin at zero in the same scrape and stretch alike."""
    results = story.ledger.count("submissions", "result")
    expected = (results[("failed",)] + results[("rejected",)]) / sum(results.values())
    assert expected > 0.15
    assert story.query(ERROR_RATE) == {labelled(): pytest.approx(expected, rel=1e-9)}
    assert story.query(f"{ERROR_RATE} > 0.15") == story.query(ERROR_RATE)


def test_the_guard_trips_are_those_of_the_ledger(story):
    """GuardTripSpike: exact, since each series begins at zero and the time asked about is that of the last sample."""
    trips = {
        labelled(guard=guard, category=category, recoverable=recoverable): count
        for (guard, category, recoverable), count in story.ledger.trips().items()
    }
    found = story.query(TRIPS)
    assert {labels: value for labels, value in found.items() if value} == pytest.approx(trips, rel=1e-9)
    spikes = {labels: count for labels, count in trips.items() if count > 10}
    assert story.query(f"{TRIPS} > 10") == pytest.approx(spikes, rel=1e-9)
    assert spikes


def test_the_latency_quantile_follows_its_definition(story):
    """Prometheus' own arithmetic over what it scraped, done again here: the two agree to rounding."""
    buckets: dict[float, float] = {}
    for labels, samples in story.samples(SUBMIT_BUCKETS).items():
        bound = float(dict(labels)["le"])
        buckets[bound] = buckets.get(bound, 0.0) + increase(samples, story.at)
    assert story.query(P95) == {labelled(): pytest.approx(quantile(0.95, buckets), rel=1e-6)}


def test_the_latency_quantile_is_that_of_the_ledger(story):
    """BrokerLatencyP95High: the ledger's calls in the same buckets, with the same interpolation.

    A histogram's series appear with their first value, so increase() cannot see what the first scrape of a series
    (there are about ten, by reason) brought. How many calls that were is taken from the scrape; which ones, and all
    else, from the ledger. Then the two agree to rounding: no call lasts within microseconds of the bounds of the
    bucket that the quantile is in. Operators read the quantile of all calls: it is within a tenth of it.
    """
    bounds = (*LATENCY_BUCKETS, float("inf"))
    buckets = dict.fromkeys(bounds, 0.0)
    for labels, samples in story.samples(SUBMIT_BUCKETS).items():
        series = dict(labels)
        if series.pop("le") == "+Inf":
            seconds = story.ledger.seconds("calls", **series)
            unseen, all_calls = (bucketed(some, bounds) for some in (seconds[: int(samples[0][1])], seconds))
            for bound in bounds:
                steps = [*((time, unseen[bound]) for time, _ in samples[:-1]), (samples[-1][0], all_calls[bound])]
                buckets[bound] += increase(steps, story.at)
    (found,) = story.query(P95).values()
    assert 0.1 < found < 0.25
    assert found == pytest.approx(quantile(0.95, buckets), rel=1e-6)
    plain = quantile(0.95, bucketed(story.ledger.seconds("calls", operation="submit"), bounds))
    assert found == pytest.approx(plain, rel=0.1)
    assert story.query(f"{P95} > 3") == {}


def test_the_rules_are_loaded_and_have_fired_as_far_as_they_can(story):
    """The server evaluates the playbook's rules without an error; those that hold wait for their time."""
    states = {rule["name"]: (rule["health"], rule["state"]) for rule in story.rules}
    assert states == {
        "MetricsEndpointDown": ("ok", "inactive"),
        "OrderErrorRateHigh": ("ok", "pending"),
        "BrokerLatencyP95High": ("ok", "inactive"),
        "GuardTripSpike": ("ok", "pending"),
    }


def test_prometheus_stored_what_the_text_format_says(story):
    """Prometheus asks for OpenMetrics; every counter and histogram that it stored is in the text format too."""
    stored = {}
    for item in story.server.get("query", query='{job="gpt-trader"}', time=f"{story.at:.3f}")["result"]:
        name = item["metric"].pop("__name__")
        labels = {key: value for key, value in item["metric"].items() if key not in {"job", "instance"}}
        stored[(name, tuple(sorted(canonical(labels).items())))] = float(item["value"][1])
    kinds = {name for name, kind in story.scrape.types.items() if kind in {"counter", "histogram"}}
    expected = {
        (name, tuple(sorted(canonical(dict(labels)).items()))): value
        for (name, labels), value in story.scrape.values.items()
        if name.removesuffix("_total") in kinds or name.rpartition("_")[0] in kinds or name in kinds
    }
    assert len(expected) > 200
    assert {key: stored.get(key) for key in expected} == expected


def canonical(labels: dict[str, str]) -> dict[str, str]:
    """Spell bounds as numbers: 1, 1.0 and 1e0 are one bound."""
    return {name: str(float(value)) if name == "le" else value for name, value in labels.items()}


def promtool(*arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run promtool."""
    return subprocess.run(
        ["promtool", *arguments], input=stdin, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


# What the linter would have named otherwise, in names that the metric contract fixes.
LINT_EXCEPTIONS = {
    "gpt_trader_process_memory_mb metric names should not contain abbreviated units",
    'gpt_trader_ws_gap_count non-histogram and non-summary metrics should not have "_count" suffix',
    'gpt_trader_ws_reconnect_count non-histogram and non-summary metrics should not have "_count" suffix',
}


def test_promtool_finds_nothing_in_what_the_bot_serves_but_names_that_the_contract_fixes(story):
    """The text format passes the linter of Prometheus itself."""
    done = promtool("check", "metrics", stdin=story.text)
    assert set((done.stdout + done.stderr).splitlines()) == LINT_EXCEPTIONS


def test_promtool_finds_nothing_in_the_whole_catalogue_but_names_that_the_contract_fixes(monkeypatch):
    """Every metric of the contract has a value here, the gauge and the counter of data quality among them."""
    monkeypatch.setattr(ProcessUsage, "SHORTEST_PERIOD", 1e-6)
    with Telemetry(Settings()) as telemetry:
        record = {
            Kind.COUNTER: telemetry.record_counter,
            Kind.GAUGE: telemetry.record_gauge,
            Kind.HISTOGRAM: telemetry.record_histogram,
        }
        for metric in CATALOG.values():
            labels = {label.name: label.values[0] if label.values else "any" for label in metric.labels}
            record[metric.kind](metric.name, 1, labels=labels)
        feed = telemetry.websocket
        for happens in (feed.connected, feed.message, feed.heartbeat, feed.gap):
            happens()
        feed.disconnected(ConnectionResetError())
        text = telemetry.metrics_text(TEXT)
    families = parse(text).types
    assert [name for name in CATALOG if not {name, name.removesuffix("_total")} & set(families)] == []
    done = promtool("check", "metrics", stdin=text)
    assert set((done.stdout + done.stderr).splitlines()) == LINT_EXCEPTIONS


def test_the_playbooks_rules_are_valid():
    """The file loads as it stands."""
    done = promtool("check", "rules", str(RULES))
    assert done.returncode == 0, done.stderr
    assert "4 rules found" in done.stdout


class DailyLossError(Exception):
    """What the guard of these tests raises."""

    category, recoverable = "limit", False


def scraped_trips(*trips_before_scrape: int) -> dict[str, list[float]]:
    """Trip a real guard so many times before each scrape; return the series of trips as they were scraped."""
    series: dict[str, list[float]] = {}
    with Telemetry(Settings(health_server_enabled=True, metrics_endpoint_enabled=True, health_port=0)) as telemetry:

        @telemetry.guard("daily_loss")
        def check_daily_loss() -> None:
            raise DailyLossError

        for trips in trips_before_scrape:
            for _ in range(trips):
                with pytest.raises(DailyLossError):
                    check_daily_loss()
            with urllib.request.urlopen(telemetry.server.url + "/metrics", timeout=PATIENCE) as answer:
                scrape = parse(answer.read().decode())
            for labels in scrape.label_sets("gpt_trader_guard_trips_total"):
                spelled = ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
                value = scrape.value("gpt_trader_guard_trips_total", **labels)
                series.setdefault(f"gpt_trader_guard_trips_total{{{spelled}}}", []).append(value)
    assert {len(values) for values in series.values()} == {len(trips_before_scrape)}
    return series


def spike_fires_at(folder: Path, series: dict[str, list[float]], *, from_first_increment: bool = False) -> list[int]:
    """Let promtool evaluate the playbook's rules over scrapes 15 s apart, for a quarter of an hour.

    Returns the seconds at which GuardTripSpike fires. ``from_first_increment``: as if a series appeared only when
    it is first incremented, as it does in a process that does not begin its counters at zero.
    """
    steps, spelled = 60, []
    for name, values in series.items():
        known = [*values, *[values[-1]] * (steps - len(values))]
        texts = ["_" if from_first_increment and not value else f"{value:g}" for value in known]
        spelled.append({"series": name, "values": " ".join(texts)})
    # Nowhere is an alert expected, so promtool reports each time at which one fires.
    expected = [
        {"eval_time": f"{15 * step}s", "alertname": "GuardTripSpike", "exp_alerts": []} for step in range(steps)
    ]
    test = {"interval": "15s", "input_series": spelled, "alert_rule_test": expected}
    path = folder / "rules_test.yml"
    path.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "15s", "tests": [test]}))
    done = promtool("test", "rules", str(path))
    fired = re.findall(r"alertname: GuardTripSpike, time: (?:(\d+)m)?(?:(\d+)s)?,", done.stderr)
    assert (done.returncode == 1) == bool(fired), done.stdout + done.stderr
    assert ('guard="daily_loss"' in done.stderr) == bool(fired)
    return [60 * int(minutes or 0) + int(seconds or 0) for minutes, seconds in fired]


def test_a_trip_every_15_seconds_for_six_minutes_fires_the_spike_alert(tmp_path):
    """The alert fires five minutes after the eleventh trip, and goes when the trips are five minutes old."""
    fired = spike_fires_at(tmp_path, scraped_trips(0, *[1] * 24))
    assert fired == list(range(fired[0], fired[-1] + 1, 15))
    assert fired[0] == 11 * 15 + 300
    assert fired[-1] <= 24 * 15 + 300


def test_trips_in_two_bursts_fire_the_spike_alert_only_since_counters_begin_at_zero(tmp_path):
    """Eleven trips, and five minutes later eleven more: a series that appears with the first ones hides them."""
    series = scraped_trips(0, 11, *[0] * 18, 11)
    assert spike_fires_at(tmp_path, series)
    assert spike_fires_at(tmp_path, series, from_first_increment=True) == []


def test_trips_in_one_burst_never_fire_the_playbooks_spike_alert(tmp_path):
    """Ten thousand trips at once are out of the rule's window before its time is up, wherever counters begin.

    The playbook's rule is kept as operators know it; bursts need a rule of their own.
    """
    series = scraped_trips(0, 10_000)
    assert spike_fires_at(tmp_path, series) == []
    assert spike_fires_at(tmp_path, series, from_first_increment=True) == []
