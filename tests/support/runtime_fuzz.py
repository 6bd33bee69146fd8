"""Profiles whose files hold nonsense of every sort, reported on and replayed."""

import json
import random
import tempfile
from pathlib import Path

import pytest

from gpt_trader_telemetry.cli.main import main
from support.runtime_bots import END, Bot

VALUES = [
    None, True, 0, -1, 1e308, -1e308, 10**400, "1e999", "NaN", "12.5", "", "x" * 300, "\x00\x1b[31m", "\ud800", [], [1],
    {}, {"a": {}}, END - 100, str(END - 50), "2026-02-28T12:00:00", "9999-12-31T23:59:59", -62135596800, 1e18,
]  # fmt: skip
FIELDS = [
    "timestamp", "symbol", "pnl", "fee", "realized_pnl", "unrealized_pnl", "amount", "quantity", "price", "guard", "rule",
    "action", "equity", "account", "regime", "side", "status", "reason", "client_order_id", "decision_id", "details",
    "category", "recoverable", "latency_ms", "metrics", "event_type", "type", "data", "connected",
]  # fmt: skip
KINDS = [
    "fill", "trade", "pnl_update", "funding_payment", "user_fill", "position_update", "guard_triggered", "metric",
    "circuit_breaker_triggered", "cycle_metrics", "heartbeat", "price_tick", "runtime_start", "api_error", "", "\x00",
    "order_rejected", "order_submission_attempt", "order_decision_trace", "websocket_reconnect", "error",
]  # fmt: skip


def fuzzed(bot, chooser):
    """Write nonsense of every sort to a bot's files."""
    events = []
    for _ in range(chooser.randrange(60)):
        payload = {name: chooser.choice(VALUES) for name in chooser.sample(FIELDS, chooser.randrange(12))}
        events.append((chooser.choice(KINDS), chooser.choice([END - 100, END - 5000, None]), payload))
    if chooser.random() < 0.6:
        bot.database(*events)
    if chooser.random() < 0.5:
        bot.lines(*events, junk=[bytes(chooser.randrange(256) for _ in range(20)), b"[" * 5000, b"null"])
    if chooser.random() < 0.5:
        bot.metrics(json.dumps(chooser.choice([[], {}, {"equity": chooser.choice(VALUES)}, {"account": 3}])))
    if chooser.random() < 0.3:
        bot.orders((chooser.choice(["open", "", None]), chooser.choice(["", None, "x", "2026-02-28T12:00:00"])))
    for path in bot.paths.folder.iterdir():
        if chooser.random() < 0.4:
            content = bytearray(path.read_bytes())
            for _ in range(chooser.randrange(20)):
                if content:
                    content[chooser.randrange(len(content))] = chooser.randrange(256)
            path.write_bytes(content[: chooser.randrange(len(content) + 1)] if chooser.random() < 0.3 else content)


def check(seed, capsys):
    """One fuzzed profile, reported on and replayed."""
    chooser = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        bot = Bot(Path(folder))
        fuzzed(bot, chooser)
        common = ["--runtime-root", folder, "--now", "2026-03-01T00:00:00"]
        for words in (
            ["report", "daily", *common, "--report-format", chooser.choice(["text", "json", "html"])],
            ["replay", *common, "--format", chooser.choice(["text", "json"])],
        ):
            ended_rightly(words, capsys)


def ended_rightly(words, capsys):
    """Run a command on damaged files; return its code, which a reason comes with where there is no answer."""
    code = main(words)
    told = capsys.readouterr()
    assert code in {0, 1}, (words, told.err)
    assert code == 0 or told.err.startswith(("no data: ", "note: ")), (words, told.err)
    is_printed = code == 0 and ("html" not in words or "--no-save" in words)
    assert bool(told.out) is is_printed, words
    if code == 0 and "json" in words:
        json.loads(told.out, parse_constant=pytest.fail)
    return code
