"""The paper bot, run as users run it: what it serves is what its own ledger says that it did."""

import os
import signal
import socket
import time
from pathlib import Path

import pytest
from paper_process import BOT, Account, running

from candles import load_market
from support.scraping import OPENMETRICS, TEXT, Scrape

DATA = BOT.parent / "data" / "EUR-USD_1h.csv"
PHASES = 400
"""Candles of a run: enough for every guard to trip and for every kind of fault to come."""
FAULTS = "late=0.02,late_seconds=0.1,reject=0.15,rate_limit=0.08,unavailable=0.04,drop=0.03,hang=0.01"
NO_ANSWER = "late=0,reject=0,rate_limit=0,unavailable=0,drop=0,hang=1"
HASTE = ("--tick", "0.001", "--faults", FAULTS)


@pytest.fixture(scope="module")
def replayed(tmp_path_factory) -> tuple[dict[str, Scrape], Account]:
    """One run that is over but still serves: its scrapes in both formats, and its ledger."""
    path = tmp_path_factory.mktemp("bot") / "ledger.json"
    with running(*HASTE, "--ticks", str(PHASES), "--ledger", str(path)) as bot:
        bot.until_replayed()
        scrapes = {accept: bot.scrape(accept) for accept in (TEXT, OPENMETRICS)}
        assert bot.stop()[0] == 0, bot.output()
    return scrapes, Account(path)


@pytest.fixture(params=[TEXT, OPENMETRICS], ids=["text", "openmetrics"])
def served(request, replayed) -> Scrape:
    """The scrape in each format."""
    return replayed[0][request.param]


@pytest.fixture
def ledger(replayed) -> Account:
    """What the bot itself knows that it did."""
    return replayed[1]


def not_zero(scrape: Scrape, name: str, *labels: str) -> dict[tuple, float]:
    """Return the samples of a name that are not 0, by the values of these labels, which are all they have."""
    found = {}
    for (sample, pairs), value in scrape.values.items():
        if sample == name and value:
            assert {label for label, _ in pairs} == set(labels)
            found[tuple(dict(pairs)[label] for label in labels)] = value
    return found


def test_the_run_is_a_real_one(ledger):
    """Orders, every kind of refusal, time-outs and trips of each guard: the comparison compares something."""
    results = ledger.count("submissions", "result", "reason")
    assert results[("success", "none")] >= 100
    assert {reason for _, reason in results} >= {
        "insufficient_funds", "post_only", "invalid_size", "market_closed", "network", "timeout",
    }  # fmt: skip
    assert {guard for guard, *_ in ledger.trips()} == {"daily_loss", "position_limit", "price_sanity", "stale_mark"}


def test_submissions_are_counted_by_result_reason_and_side(served, ledger):
    """Each order is counted once, whatever it took to send it."""
    counted = not_zero(served, "gpt_trader_order_submission_total", "result", "reason", "side")
    assert counted == ledger.count("submissions", "result", "reason", "side")
    timed = not_zero(served, "gpt_trader_order_submission_latency_seconds_count", "result", "side")
    assert timed == ledger.count("submissions", "result", "side")


def test_broker_calls_are_counted_by_operation_outcome_and_reason(served, ledger):
    """Every attempt counts, retries and cancellations too."""
    counted = not_zero(served, "gpt_trader_broker_call_latency_seconds_count", "operation", "outcome", "reason")
    assert counted == ledger.count("calls", "operation", "outcome", "reason")
    assert sum(ledger.count("submissions", "result").values()) < sum(
        count for (operation, *_), count in counted.items() if operation == "submit"
    )


def test_broker_latencies_are_those_of_the_ledger(served, ledger):
    """The ledger's clock runs around the telemetry's, so it reads a little more: each bucket is bounded by it."""
    name = "gpt_trader_broker_call_latency_seconds"
    around = 0.02  # far more than a decorator takes, far less than lies between the buckets that matter
    for operation, outcome, reason in ledger.count("calls", "operation", "outcome", "reason"):
        labels = {"operation": operation, "outcome": outcome, "reason": reason}
        seconds = ledger.seconds("calls", **labels)
        assert sum(seconds) - around * len(seconds) <= served.value(f"{name}_sum", **labels) <= sum(seconds)
        for bucket in served.label_sets(f"{name}_bucket"):
            if bucket.items() >= labels.items():
                bound, count = float(bucket["le"]), served.value(f"{name}_bucket", **bucket)
                at_least = sum(second <= bound for second in seconds)
                assert at_least <= count <= sum(second <= bound + around for second in seconds)


def test_guard_runs_and_trips_are_counted(served, ledger):
    """By guard; trips by category and whether one recovers from them."""
    checks = not_zero(served, "gpt_trader_guard_checks_total", "guard", "result")
    assert checks == ledger.count("guards", "guard", "result")
    trips = not_zero(served, "gpt_trader_guard_trips_total", "guard", "category", "recoverable")
    assert trips == ledger.trips()


def test_an_order_that_a_guard_stops_is_a_blocked_trade_and_no_submission(served, ledger):
    """What was filled and what was blocked adds up."""
    assert served.value("gpt_trader_trades_blocked_total") == ledger.facts["blocked"] > 0
    assert served.value("gpt_trader_trades_executed_total") == ledger.facts["tally"]["filled"] > 0


def test_every_candle_is_a_cycle_and_a_message(served, ledger):
    """The feed and the cycle are told of each candle."""
    assert len(ledger.facts["cycles"]) == PHASES
    assert not_zero(served, "gpt_trader_cycle_duration_seconds_count", "result") == {("ok",): PHASES}
    assert not_zero(served, "gpt_trader_profile_duration_seconds_count", "phase") == {("strategy_decision",): PHASES}
    assert served.value("gpt_trader_ws_heartbeat_lag_seconds_count") == PHASES
    assert served.value("gpt_trader_ws_connected") == 0
    assert served.value("gpt_trader_ws_last_message_age_seconds") > 0


def test_the_account_is_as_the_bot_left_it(served, ledger):
    """Gauges hold the last value, to the last digit."""
    assert served.value("gpt_trader_equity_dollars") == ledger.facts["equity"]
    assert served.value("gpt_trader_total_pnl_usd") == ledger.facts["profit"]
    assert served.value("gpt_trader_symbol_exposure_usd", symbol="EUR-USD") == ledger.facts["exposure"]
    assert served.value("gpt_trader_open_orders") in {0, 1}


def test_the_quality_of_the_candles_is_told(served):
    """Six weekends without trade and three jumps are in the file that comes with the example."""
    where = {"symbol": "EUR-USD", "interval": "1h"}
    market = load_market(DATA)
    assert served.value("gpt_trader_data_quality_issues", **where) == len(market.issues) == 9
    assert served.value("gpt_trader_data_quality_score", **where) == market.score == 1 - 9 / 840
    total = not_zero(served, "gpt_trader_data_quality_issues_total", "symbol", "interval", "issue_type", "severity")
    assert total == {("EUR-USD", "1h", "gap", "warning"): 6, ("EUR-USD", "1h", "spike", "warning"): 3}


def test_the_telemetry_itself_had_no_error(served):
    """Nothing was kept away from the bot."""
    assert served.total("gpt_trader_telemetry_errors_total") == 0


def test_the_same_seed_gives_the_same_run(tmp_path):
    """What the bot does depends on its candles and its seed, not on the clock; another seed, another run."""
    runs = []
    for number, seed in enumerate(("4", "4", "5")):
        path = tmp_path / f"{number}.json"
        options = ("--tick", "0.001", "--ticks", "120", "--faults", "late=0,hang=0.01,drop=0.05,reject=0.2")
        with running(*options, "--seed", seed, "--ledger", str(path)) as bot:
            bot.until_replayed()
            assert bot.stop()[0] == 0
        ledger = Account(path)
        facts = [(kind, [{**entry, "seconds": 0, "at": 0} for entry in ledger.facts[kind]])
                 for kind in ("calls", "submissions", "guards", "cycles")]  # fmt: skip
        runs.append((facts, ledger.facts["equity"], ledger.facts["blocked"]))
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "options",
    [
        ("--tick", "0.01"),
        ("--tick", "60"),
        ("--tick", "0.01", "--faults", NO_ANSWER),
        (*HASTE, "--ticks", "2"),
    ],
    ids=["trading", "waiting", "in trouble", "serving"],
)
def test_a_signal_stops_the_bot_within_two_seconds(number, options):
    """Ctrl-C and SIGTERM are both a clean end, whatever the bot is doing."""
    with running(*options) as bot:
        assert bot.url
        time.sleep(0.7)
        code, seconds = bot.stop(number)
        assert (code, seconds < 2) == (0, True), f"{seconds:.2f} s\n{bot.output()}"
        assert "Traceback" not in bot.output()


@pytest.mark.parametrize("listens", [True, False], ids=["silent", "refused"])
def test_a_collector_that_takes_nothing_does_not_hold_the_bot_up(listens):
    """The bot stops as fast as ever, with code 0, and says that not everything was delivered."""
    with socket.create_server(("127.0.0.1", 0)) as collector:
        endpoint = f"http://127.0.0.1:{collector.getsockname()[1]}"
        if not listens:
            collector.close()
        with running("--tick", "0.01", OTEL_EXPORTER_OTLP_ENDPOINT=endpoint) as bot:
            assert bot.url
            time.sleep(0.5)
            code, seconds = bot.stop()
            assert (code, seconds < 2) == (0, True), f"{seconds:.2f} s\n{bot.output()}"
            assert "not everything was delivered" in bot.output()


def test_the_bot_stops_by_itself_after_its_duration(tmp_path):
    """A time limit is a clean end as well, and the ledger is written."""
    path = tmp_path / "ledger.json"
    begun = time.monotonic()
    with running("--tick", "0.01", "--duration", "1.5", "--ledger", str(path)) as bot:
        assert bot.exit_code() == 0, bot.output()
    assert 1.5 <= time.monotonic() - begun < 6
    assert Account(path).facts["cycles"]
    assert bot.lines[-1] == "stopped"


def test_the_replay_begins_again_at_its_end(tmp_path):
    """Without --ticks there is always a next candle."""
    candles = tmp_path / "BTC-USD_1h.csv"
    candles.write_text("\n".join(DATA.read_text().splitlines()[:61]) + "\n")
    path = tmp_path / "ledger.json"
    options = ("--candles", str(candles), "--tick", "0.001", "--ticks", "200", "--faults", "late=0,hang=0")
    with running(*options, "--ledger", str(path)) as bot:
        bot.until_replayed()
        assert bot.scrape().value("gpt_trader_data_quality_score", symbol="BTC-USD", interval="1h") == 1
    assert len(Account(path).facts["cycles"]) == 200


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "No such file"),
        ("", "the first line must be timestamp,open,high,low,close,volume"),
        ("date,price\n1,2\n", "the first line must be"),
        ("timestamp,open,high,low,close,volume\n", "has 0 candles"),
        ("timestamp,open,high,low,close,volume\nsoon,1,1,1,1,1\n", "line 2 is no candle"),
        ("timestamp,open,high,low,close,volume\n0,1,1,1,1\n", "line 2 is no candle"),
        ("timestamp,open,high,low,close,volume\n0,1,1,1,nan,1\n", "line 2"),
        ("timestamp,open,high,low,close,volume\n0,1,1,0,1,1\n", "line 2: a price must be above 0"),
        ("timestamp,open,high,low,close,volume\n0,1,1,1,2,1\n", "line 2: the low and the high must enclose"),
        ("timestamp,open,high,low,close,volume\n60,1,1,1,1,1\n0,1,1,1,1,1\n", "comes after"),
        ("timestamp,open,high,low,close,volume\n0,1,1,1,1,1\n\xff\xfe\x00", "line 3"),
    ],
)
def test_candles_that_are_none_give_one_clear_error(tmp_path, text, says):
    """Exit code 2 and a line that names the file and what is wrong with it."""
    path = tmp_path / "BAD_1h.csv"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with running("--candles", str(path)) as bot:
        assert bot.exit_code() == 2
    assert len(bot.lines) == 1
    assert bot.lines[0].startswith(f"paper_bot: {path}")
    assert says in bot.lines[0]


def test_a_port_that_is_taken_gives_one_clear_error():
    """Exit code 2 and a line that names the port; the bot does not trade unseen."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with running("--port", str(port)) as bot:
            assert bot.exit_code() == 2
        assert len(bot.lines) == 1, bot.output()
        assert bot.lines[0].startswith("paper_bot: ")
        assert str(port) in bot.lines[0]


@pytest.mark.parametrize(
    ("options", "environment", "says"),
    [
        (("--port", "70000"), {}, "70000"),
        ((), {"GPT_TRADER_HEALTH_PORT": "eighty"}, "eighty"),
        (("--faults", "reject=2"), {}, "rates are from 0 to 1"),
        (("--tick", "0"), {}, "0 is no time"),
        (("--duration", "-1"), {}, "-1 is no time"),
        (("--ledger", os.devnull + "/x.json"), {}, "ledger"),
    ],
)
def test_an_option_that_cannot_be_meant_is_named(options, environment, says):
    """Exit code 2, and the last line says what was wrong."""
    with running(*options, **environment) as bot:
        assert bot.exit_code() == 2
    assert says in bot.lines[-1]
    assert "Traceback" not in bot.output()


def test_without_a_server_the_bot_trades_all_the_same():
    """The environment has the last word on what is served."""
    with running("--ticks", "50", *HASTE, GPT_TRADER_HEALTH_SERVER_ENABLED="0") as bot:
        bot.until_replayed()
        assert bot.line("not served")
        assert bot.stop()[0] == 0


def test_a_disabled_telemetry_changes_nothing_that_the_bot_does(tmp_path):
    """OTEL_SDK_DISABLED takes the metrics away, not the trades."""
    equities = []
    for disabled in ("false", "true"):
        path = tmp_path / f"{disabled}.json"
        options = ("--tick", "0.001", "--ticks", "150", "--faults", "late=0,hang=0")
        with running(*options, "--ledger", str(path), OTEL_SDK_DISABLED=disabled) as bot:
            bot.until_replayed()
            assert bot.stop()[0] == 0, bot.output()
        equities.append(Account(path).facts["equity"])
    assert equities[0] == equities[1]


def test_the_candles_of_the_example_are_what_its_readme_says():
    """A few hundred hours of EUR-USD, small, and each candle possible."""
    market = load_market(DATA)
    assert (market.symbol, market.interval_name, len(market.candles)) == ("EUR-USD", "1h", 840)
    assert DATA.stat().st_size < 60_000
    assert Path(DATA.parent, "README.md").exists()


def test_the_bot_stays_short_enough_to_be_read():
    """Imports and blank lines aside: about 150 lines."""
    lines = [line for line in BOT.read_text().splitlines() if line.strip()]
    code = lines[lines.index("REFUSALS = {") :]
    assert len(code) <= 150
