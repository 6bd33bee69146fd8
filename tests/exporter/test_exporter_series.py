"""What is exported of what a bot has written: the contract's names, labels and values."""

import json

import pytest

from gpt_trader_telemetry.exported import FAMILIES
from gpt_trader_telemetry.exporter.series import symbol_labels
from support.scraping import OPENMETRICS, TEXT

CYCLE = {
    "timestamp": "2026-03-01T00:01:00+00:00", "equity": "12.50", "open_orders": 3, "cycle_latency_ms": 41.5,
    "system": {"cpu_percent": 5, "memory_percent": "40", "disk_percent": 60, "disk_gb": 118, "network_sent_mb": 7,
               "network_recv_mb": 9},
    "account_snapshot": {"fee_schedule": {"tier": "Advanced 1"}, "limits": {"remaining": "2500"}},
    "positions": {"BTC-USD": {"exposure_usd": "100.5"}, "ETH-USD": {"exposure_usd": 7}},
    "pnl": {"total": 6, "realized": 4, "unrealized": 2, "funding": "-0.5", "by_symbol": {"BTC-USD": 6}},
    "counters": {"gpt_trader_trades_executed_total": 25, "gpt_trader_trades_blocked_total": 4},
}  # fmt: skip

EXPECTED = {
    "metrics_timestamp_seconds": 1772323260, "equity": 12.5, "open_orders": 3, "cpu_percent": 5, "memory_percent": 40,
    "disk_percent": 60, "disk_used_gigabytes": 118, "network_sent_megabytes": 7, "network_received_megabytes": 9,
    "account_limit_remaining": 2500, "cycle_latency_ms": 41.5, "total_pnl_usd": 6, "realized_pnl_usd": 4,
    "unrealized_pnl_usd": 2, "funding_pnl_usd": -0.5, "circuit_breaker_triggered": 0,
    "order_preview_failures_total": 1, "trades_executed_total": 2, "trades_blocked_total": 1,
    "websocket_reconnects_total": 1, "stale_marks_total": 1, "unfilled_orders_total": 1,
}  # fmt: skip


def write_everything(bot):
    bot.row("trade", {"order_id": "1"})
    for kind in (
        "preview_reject", "trade", "trade_gate_blocked", "websocket_reconnect", "stale_mark_detected",
        "unfilled_order_alert", "heartbeat", "price_tick", "guard_triggered",
    ):  # fmt: skip
        bot.row(kind, {"timestamp": 1772323200.0})


@pytest.mark.parametrize("accept", [TEXT, OPENMETRICS])
@pytest.mark.parametrize("prefix", ["coinbase_trader", "gpt_trader"])
def test_every_series_of_the_contract_has_its_value(bot, follower, accept, prefix):
    """From today's events alone: trades that were executed count, and equity is not 0."""
    write_everything(bot)
    bot.cycle(**CYCLE)
    scrape = follower.poll().scrape(accept, prefix)
    assert {name: scrape.value(f"{prefix}_{name}") for name in EXPECTED} == EXPECTED
    assert scrape.value(f"{prefix}_fee_tier", tier="Advanced 1") == 1
    assert scrape.value(f"{prefix}_symbol_exposure_usd", symbol="BTC_USD") == 100.5
    assert scrape.value(f"{prefix}_symbol_exposure_usd", symbol="ETH_USD") == 7
    assert scrape.value(f"{prefix}_symbol_pnl_usd", symbol="BTC_USD") == 6
    assert scrape.value(f"{prefix}_source_age_seconds", source="events_db") == 40
    for name in EXPECTED:
        kind = scrape.types.get(f"{prefix}_{name}")
        assert kind == ("counter" if name.endswith("_total") else "gauge")


def test_older_files_say_the_same(bot, follower):
    """events.jsonl and metrics.json, of which the counters are taken."""
    bot.metrics.write_text(json.dumps(CYCLE))
    bot.line(*({"type": kind, "time": "2026-03-01T00:00:00"} for kind in ("trade", "trade", "preview_reject")))
    follower.poll()
    scrape = follower.scrape()
    assert scrape.value("coinbase_trader_equity") == 12.5
    assert scrape.value("coinbase_trader_trades_executed_total") == 25
    assert scrape.value("coinbase_trader_trades_blocked_total") == 4
    assert scrape.value("coinbase_trader_order_preview_failures_total") == 1
    assert scrape.value("coinbase_trader_source_age_seconds", source="metrics_json") == 40
    assert scrape.value("coinbase_trader_source_readable", source="events_jsonl") == 1
    assert scrape.value("coinbase_trader_source_readable", source="events_db") is None


def test_what_is_not_known_is_absent(bot, follower):
    """Nothing written: no zeros. Only trades written: counters, and no equity."""
    follower.poll()
    assert {name for name, _ in follower.scrape().values} == {
        "coinbase_trader_caught_up", "coinbase_trader_source_readable", "coinbase_trader_log_restarts_total",
        "gpt_trader_telemetry_heartbeat_timestamp_seconds",
    }  # fmt: skip
    assert follower.value("caught_up") == 0
    bot.row("trade", {})
    assert follower.value("trades_executed_total") == 1
    assert follower.value("websocket_reconnects_total") == 0
    assert follower.value("equity") is None


def test_null_text_and_nonsense_never_become_zero_or_broken_output(bot, follower):
    """The value before stands; what was nonsense is counted."""
    bot.cycle(equity="5", open_orders=1)
    bot.cycle(equity="twelve", open_orders=None, positions="none", pnl=[1], system={"cpu_percent": {}})
    assert follower.value("equity") == 5
    assert follower.value("open_orders") == 1
    assert follower.value("cpu_percent") is None
    assert follower.value("skipped_records_total", source="events_db", reason="value") == 3


def test_the_newer_of_file_and_log_is_shown_field_by_field(bot, follower):
    """Whichever has a field last."""
    bot.metrics.write_text(json.dumps({"timestamp": "2026-03-01T00:00:10", "equity": 1, "open_orders": 7}))
    bot.cycle(timestamp="2026-03-01T00:00:20", equity=2)
    assert follower.value("equity") == 2
    assert follower.value("open_orders") == 7
    bot.metrics.write_text(json.dumps({"timestamp": "2026-03-01T00:00:30", "equity": 3, "open_orders": 8}))
    assert follower.value("equity") == 3


def test_a_half_written_file_leaves_what_was_known(bot, follower):
    """And blocks neither the log nor the next version."""
    bot.metrics.write_text(json.dumps({"timestamp": "2026-03-01T00:00:10", "equity": 1}))
    assert follower.value("equity") == 1
    bot.metrics.write_text('{"timestamp": "2026-03-01T00:00:20", "equ')
    assert follower.value("equity") == 1
    bot.cycle(timestamp="2026-03-01T00:00:20", equity=2)
    assert follower.value("equity") == 2
    follower.poll()
    assert follower.value("skipped_records_total", source="metrics_json", reason="half") == 1
    bot.metrics.write_text('{"timestamp": "2026-03-01T00:00:20", "equity": ')
    assert follower.value("skipped_records_total", source="metrics_json", reason="half") == 2


def test_metric_rows_of_other_kinds_count_only_without_cycle_metrics(bot, follower):
    """And only if they carry metric fields."""
    bot.row("metric", {"metrics": {"event_type": "order_decision_trace", "equity": "1"}})
    assert follower.value("equity") == 1
    bot.cycle(equity="2")
    bot.row("metric", {"metrics": {"event_type": "order_decision_trace", "equity": "3"}})
    assert follower.value("equity") == 2


def test_account_snapshots_of_the_log_need_no_cycle_metrics(bot, follower):
    """As events of their own, before, beside and after metrics."""
    bot.row("account_snapshot", {"fee_schedule": {"tier": "x"}, "limits": {"remaining": "5"}, "timestamp": 1772323201})
    assert follower.value("fee_tier", tier="x") == 1
    assert follower.value("account_limit_remaining") == 5
    bot.row("metric", {"metrics": {"event_type": "order_decision_trace", "equity": "1"}})
    assert follower.value("fee_tier", tier="x") == 1
    assert follower.value("equity") == 1
    bot.cycle(equity="2", timestamp="2026-03-01T00:00:30")
    assert follower.value("account_limit_remaining") == 5
    assert follower.value("equity") == 2


def test_the_circuit_breaker_clears_when_the_log_says_so(bot, follower):
    """Rule by rule; a clearing without a rule clears all, and any clears what was triggered without one."""
    values = []
    for kind, rule in (
        ("triggered", "a"), ("triggered", "b"), ("cleared", "a"), ("cleared", "b"), ("triggered", "a"), ("cleared", None),
        ("triggered", None), ("triggered", "a"), ("cleared", "b"), ("cleared", "a"),
    ):  # fmt: skip
        bot.row(f"circuit_breaker_{kind}", {"rule": rule})
        values.append(follower.value("circuit_breaker_triggered"))
    assert values == [1, 1, 1, 0, 1, 0, 1, 1, 1, 0]


def test_a_bots_own_counter_goes_on_when_the_bot_starts_again(bot, follower):
    """Its process counts from zero again; ours never falls."""
    bot.row("heartbeat", {})
    values = []
    for number in (5, 7, 2, 3):
        bot.metrics.write_text(json.dumps({"counters": {"gpt_trader_trades_executed_total": number}}))
        values.append(follower.value("trades_executed_total"))
    assert values == [5, 7, 9, 10]
    bot.metrics.unlink()
    bot.row("trade", {})
    assert follower.value("trades_executed_total") == 10


def test_symbols_whose_labels_collide_are_both_shown_and_counted(bot, follower):
    """BTC-USD keeps the label that dashboards know; no line stands twice."""
    bot.cycle(positions={"BTC_USD": {"exposure_usd": 2}, "BTC-USD": {"exposure_usd": 1}})
    assert follower.value("symbol_exposure_usd", symbol="BTC_USD") == 1
    assert follower.value("symbol_exposure_usd", symbol="BTC_USD (BTC_USD)") == 2
    assert follower.value("symbol_collisions") == 1
    bot.cycle(positions={"BTC-USD": {"exposure_usd": 1}})
    assert follower.value("symbol_collisions") == 0


def test_labels_of_symbols_are_always_distinct():
    """Also where a symbol looks like what tells another apart."""
    symbols = ["A_B", "A-B", "A_B (A_B)", "A_B (A-B)"]
    assert len(set(symbol_labels(dict.fromkeys(symbols)).values())) == 4


def test_odd_symbols_and_tiers_do_not_break_the_exposition(bot, follower):
    """Quotes, braces and newlines in what becomes a label."""
    bot.cycle(positions={'a"b{},\\': {"exposure_usd": 1}, "a\nb": {"exposure_usd": 2}},
              account_snapshot={"fee_schedule": {"tier": 'x"y'}})  # fmt: skip
    assert follower.value("symbol_exposure_usd", symbol='a"b{},\\') == 1
    assert follower.value("fee_tier", tier='x"y') == 1
    assert follower.scrape().total("coinbase_trader_symbol_exposure_usd") == 1


def test_the_json_document_has_the_metrics_and_the_newest_events(bot, follower):
    """As they were written, with type and time."""
    bot.cycle(timestamp="2026-03-01T00:00:10", equity="5")
    bot.row("metric", {"metrics": {"event_type": "order_preview", "timestamp": "2026-03-01T00:00:11", "total": "9"}})
    bot.row("account_snapshot", {"fee_schedule": {"tier": "x"}, "timestamp": 1772323212})
    document = follower.poll().profile.published.document()
    assert document["equity"] == "5"
    assert document["latest_order_preview"]["type"] == "order_preview"
    assert document["latest_order_preview"]["total"] == "9"
    assert document["latest_order_preview"]["timestamp"] == 1772323211
    assert document["latest_account_snapshot"] == {
        "fee_schedule": {"tier": "x"}, "timestamp": 1772323212.0, "type": "account_snapshot",
    }  # fmt: skip


SECRET = "SECRETKEY123"
PEM = f"-----BEGIN EC PRIVATE KEY-----\n{SECRET}\n-----END EC PRIVATE KEY-----"


@pytest.mark.parametrize("source", ["metrics_json", "log"])
def test_the_json_document_holds_no_secrets(bot, follower, source):
    """Of metrics, previews and account snapshots, by name, by shape and at any depth; the rest stands as written."""
    leak = {"api_key": SECRET, "note": PEM, "headers": [["Authorization", SECRET]], "auth": {"deep": {"x": SECRET}}}
    sound = {
        "equity": "12.50", "open_orders": 3, "cycle_latency_ms": 0.1, "flag": True, "nothing": None, "list": [1, "a"],
        "positions": {f"S{number}-USD": {"exposure_usd": number} for number in range(300)},
        "pnl": {"total": -1.5, "by_symbol": {"KEY-USD": 2, "TOKEN-USD": 2.5}},
        "order_id": "0a1b2c3d-1111-2222-3333-444455556666", "timestamp": "2026-03-01T00:00:10+00:00",
    }  # fmt: skip
    if source == "log":
        bot.cycle(**sound, **leak)
    else:
        bot.metrics.write_text(json.dumps({**sound, **leak}))
    bot.row("metric", {"metrics": {"event_type": "order_preview", "total": "9", **leak}})
    bot.row("account_snapshot", {"limits": {"remaining": "5"}, "nested": [leak], **leak})
    document = follower.poll().profile.published.document()
    assert SECRET not in json.dumps(document)
    assert {name: document[name] for name in sound} == sound
    assert document["api_key"] == "[redacted]"
    assert document["latest_order_preview"]["total"] == "9"
    assert document["latest_account_snapshot"]["limits"] == {"remaining": "5"}


def test_a_document_nested_beyond_reason_is_served(bot, follower):
    """As deep as anyone looks."""
    nested = "x"
    for _ in range(400):
        nested = [nested]
    bot.cycle(equity=1, nested=nested)
    assert follower.poll().profile.published.document()["equity"] == 1


def test_every_family_has_a_distinct_name_and_a_help_text():
    """Gauges are not named like counters."""
    assert all(family.help.endswith(".") for family in FAMILIES.values())
    assert all(name.endswith("_total") == (family.kind == "counter") for name, family in FAMILIES.items())


CLEAN = {"equity": "5", "symbol": "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU", "order_id": "o-1"}


def test_the_cursor_file_holds_no_secrets(bot, follower):
    """Of what the bot wrote it keeps what the document shows; rules are known by digests where they look like keys."""
    leak = {"api_key": SECRET, "note": PEM, "auth": {"deep": {"secret": SECRET}}}
    bot.cycle(**CLEAN, **leak)
    bot.row("metric", {"metrics": {"event_type": "order_preview", **leak}})
    bot.row("account_snapshot", leak)
    bot.row("circuit_breaker_triggered", {"rule": f"token={SECRET}"})
    bot.metrics.write_text(json.dumps({**CLEAN, **leak}))
    assert follower.value("circuit_breaker_triggered") == 1
    before = follower.profile.published.document()
    assert follower.restart().value("circuit_breaker_triggered") == 1
    assert SECRET not in (bot.root / "cursor.json").read_text()
    assert follower.profile.published.document() == before
    bot.row("circuit_breaker_cleared", {"rule": f"token={SECRET}"})
    assert follower.value("circuit_breaker_triggered") == 0


SYMBOLS = [
    "BTC-USD", "KEY-USD", "TOKEN:USD", "BIT-28FEB26-CDE", "BTC/USDT:USDT-260327-100000-C", "PF_XBTUSD", "XBT/USD.M",
    "AAPL260619C00200000", "1000SHIB-PERP-INTX", "kPEPE-USD", "@107", "btcusdt_umcbl", "KXHIGHNY-26FEB28-T45.5",
    "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU", "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v-USDC",
    "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48/USDT", "7132104567925221259462638553270691275033272857194253228",
]  # fmt: skip


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_real_symbols_are_never_redacted(bot, follower, symbol):
    """Contracts, options and tokens by their address look as random as keys."""
    bot.cycle(positions={symbol: {"exposure_usd": 1}}, symbol=symbol)
    document = follower.poll().profile.published.document()
    assert (list(document["positions"]), document["symbol"]) == ([symbol], symbol)


def test_a_trade_that_came_to_nothing_is_none(bot, follower):
    """By its status, however it is spelled; one without a status counts, as does one that was still open."""
    for status in ("filled", "FILLED", "open", "Pending", "partially_filled", None, 7, "new"):
        bot.row("trade", {"order_id": "o", "status": status})
    bot.row("trade", {})
    bot.row("trade", {"data": {"status": "filled"}})
    for status in ("rejected", "Rejected", " cancelled ", "CANCELED", "failed", "expired"):
        bot.row("trade", {"order_id": "o", "status": status})
    bot.row("trade", {"data": {"status": "rejected"}})
    assert follower.value("trades_executed_total") == 10
    assert follower.scrape().total("coinbase_trader_skipped_records_total") == 0


def test_the_first_record_that_is_skipped_is_an_increase(bot, follower):
    """Every reason that there may be stands at 0 from the first read on; a source that was never read has none."""
    skipped = "coinbase_trader_skipped_records_total"
    follower.poll()
    assert follower.scrape().label_sets(skipped) == []
    bot.row("trade", {})
    before = follower.poll().scrape()
    assert {labels["source"] for labels in before.label_sets(skipped)} == {"events_db"}
    assert before.value(skipped, source="events_db", reason="shape") == 0
    bot.row("trade", "[1]")
    assert follower.value("skipped_records_total", source="events_db", reason="shape") == 1
