"""``report daily`` as people and cron call it."""

import json
import os
import stat
import subprocess
import sys

import pytest

from support.runtime_bots import END

FILLS = [
    ("runtime_start", END - 80_000, {"profile": "paper", "build_sha": "a" * 40, "config_digest": "sha256:" + "b" * 64,
     "api_key": "k-1234567890", "private_key": "-----BEGIN EC PRIVATE KEY-----", "note": "token=hunter2hunter2"}),
    *(("fill", END - 50_000 + 100 * number, {"symbol": f"S{number % 3}-USD", "pnl": str(number % 7 - 3), "fee": "0.1"})
      for number in range(60)),
    ("heartbeat", END - 30, {}), ("price_tick", END - 400, {"symbol": "S0-USD", "price": "1"}),
    ("unfilled_order_alert", END - 200, {"order_id": "o-0"}), ("guard_triggered", END - 99, {"guard": "daily_loss"}),
]  # fmt: skip
KEYS = {
    "date": None, "profile": None, "generated_at": None,
    "account": ["equity", "equity_change", "equity_change_pct"],
    "pnl": ["realized", "unrealized", "funding", "total", "fees"],
    "performance": ["win_rate", "profit_factor", "sharpe_ratio", "max_drawdown", "max_drawdown_pct"],
    "trades": ["total", "winning", "losing", "avg_win", "avg_loss", "largest_win", "largest_loss"],
    "risk": ["guard_triggers", "circuit_breaker_state"],
    "symbols": None,
    "health": ["stale_marks", "ws_reconnects", "unfilled_orders", "api_errors", "liveness"],
    "runtime": None,
}  # fmt: skip


@pytest.fixture
def daily(bot, command):
    """Run ``report daily`` for the last of February, half an hour later."""
    return lambda *words: command(
        "report", "daily", "--runtime-root", bot.root, "--now", "2026-03-01T00:30:00Z", "--date", "2026-02-28", *words
    )


def test_the_object_has_the_contracts_keys(bot, report):
    """These, in this order, and no other."""
    bot.database(*FILLS).orders(("open", "2026-02-28T20:00:00+00:00"), ("filled", "2026-02-28T20:00:00"), ("OPEN", "?"))
    found = report()
    assert list(found) == list(KEYS)
    for name, keys in KEYS.items():
        assert keys is None or list(found[name]) == keys
    assert list(found["symbols"][0]) == [
        "symbol",
        "regime",
        "pnl",
        "trades",
        "win_rate",
        "profit_factor",
        "exposure_usd",
    ]
    assert list(found["symbols"][0]["pnl"]) == ["realized", "unrealized", "funding", "total"]
    assert list(found["health"]["liveness"]) == ["status", "max_age_seconds", "event_types", "events"]
    assert found["health"]["unfilled_orders"] == 2
    assert (found["date"], found["profile"]) == ("2026-02-28", "paper")
    assert found["generated_at"] == "2026-03-01T01:00:00+00:00"


def test_keys_and_tokens_of_the_runtime_are_not_shown(bot, report, daily):
    """Digests, which look like keys, are."""
    bot.database(*FILLS)
    runtime = report()["runtime"]
    assert (runtime["build_sha"], runtime["config_digest"]) == ("a" * 40, "sha256:" + "b" * 64)
    assert runtime["api_key"] == runtime["private_key"] == "[redacted]"
    for form in ("text", "json", "html"):
        _, out, err = daily("--report-format", form, "--no-save")
        assert not any(secret in out + err for secret in ("k-12345", "PRIVATE", "hunter2"))


def test_a_report_is_saved_where_the_playbook_says(bot, daily):
    """Text and JSON always, the page where it is asked for; what is printed is what is saved."""
    bot.database(*FILLS)
    code, out, err = daily()
    assert code == 0
    folder = bot.root / "runtime_data" / "paper" / "reports"
    text, document = folder / "daily_report_2026-02-28.txt", folder / "daily_report_2026-02-28.json"
    assert sorted(folder.iterdir()) == [document, text]
    assert out == text.read_text()
    assert err.splitlines()[:2] == [f"saved {text}", f"saved {document}"]
    code, out, _ = daily("--report-format", "json")
    assert out == document.read_text()
    code, out, err = daily("--report-format", "html", "--output-dir", bot.root / "elsewhere")
    assert (code, out) == (0, "")
    assert len(list((bot.root / "elsewhere").iterdir())) == 3
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(text.stat().st_mode) == 0o666 & ~mask


def test_json_alone_is_alone_on_standard_output(bot, daily):
    """One object; everything else goes to standard error; nothing is saved."""
    bot.database(*FILLS)
    code, out, err = daily("--report-format", "json", "--no-save")
    assert code == 0
    json.loads(out, parse_constant=pytest.fail)
    assert err.startswith("note: ")
    assert not bot.paths.reports.exists()


def test_the_clock_is_an_argument(bot, daily):
    """The same files and the same time give the same report, to the byte."""
    bot.database(*FILLS)
    for form in ("text", "json", "html"):
        assert daily("--report-format", form, "--no-save") == daily("--report-format", form, "--no-save")


def test_a_saved_report_is_replaced_whole(bot, daily, monkeypatch):
    """Where writing fails the old one stands, and nothing is left beside it."""
    bot.database(*FILLS)
    daily()
    before = {path: path.read_bytes() for path in bot.paths.reports.iterdir()}

    def broken(descriptor):
        raise OSError(28, "No space left on device", "disk")

    monkeypatch.setattr("gpt_trader_telemetry.report.save.os.fsync", broken)
    code, _, err = daily("--lookback-hours", 1)
    assert (code, "No space left on device" in err) == (2, True)
    assert {path: path.read_bytes() for path in bot.paths.reports.iterdir()} == before


def test_no_data_is_1_and_writes_nothing(bot, daily, command):
    """The reason is on standard error, and standard output stays empty."""
    for prepare in (lambda: None, lambda: bot.database(("fill", END + 50, {"pnl": 1}))):
        prepare()
        code, out, err = daily("--report-format", "json")
        assert (code, out) == (1, "")
        assert err.startswith("no data: ")
        assert len(err.splitlines()) == 1
    assert not bot.paths.reports.exists()
    code, _, err = command("report", "daily", "--runtime-root", bot.root, "--profile", "other")
    assert (code, "absent" in err) == (1, True)


def test_events_of_other_kinds_are_data(bot, daily):
    """They tell no figure, which is said; no data is where there is no event at all."""
    bot.database(("order_suppressed", END - 30, {}), ("something_new", END - 20, {}))
    code, out, _ = daily("--no-save")
    assert code == 0
    assert "only events that tell no figure: order_suppressed, something_new" in " ".join(out.split())


@pytest.mark.parametrize(
    "words",
    [
        ["--date", "yesterday"], ["--date", "2026-13-01"], ["--date", "20260228"], ["--date", "2026-03-02"],
        ["--lookback-hours", "0"], ["--lookback-hours", "-1"], ["--lookback-hours", "nan"], ["--lookback-hours", "1e9"],
        ["--now", "soon"], ["--now", "2026"], ["--report-format", "xml"], ["--profile", "../../etc"], ["--profile", ""],
        ["--runtime-root", "/nowhere"], ["--unknown"], ["weekly"],
    ],
)  # fmt: skip
def test_wrong_use_is_2(bot, daily, words):
    """With the reason on standard error."""
    bot.database(*FILLS)
    code, out, err = daily(*words)
    assert (code, out) == (2, "")
    assert err


def test_the_profile_may_be_left_out_where_there_is_one(bot, daily):
    """Where there are two they are named."""
    bot.database(*FILLS)
    assert daily("--no-save")[0] == 0
    (bot.root / "runtime_data" / "prod").mkdir()
    code, _, err = daily("--no-save")
    assert (code, "paper, prod" in err) == (2, True)


def test_how_long_an_order_may_wait_is_the_bots_own_setting(bot, daily, monkeypatch):
    """RISK_UNFILLED_ORDER_ALERT_SECONDS; 0 means none, and what is no number is said and not used."""
    bot.database(FILLS[1]).orders(("open", "2026-02-28T23:50:00Z"))
    for value, expected in (("", 1), ("700", 0), ("0", 0), ("soon", 1)):
        monkeypatch.setenv("RISK_UNFILLED_ORDER_ALERT_SECONDS", value)
        code, out, err = daily("--report-format", "json", "--no-save")
        assert (code, json.loads(out)["health"]["unfilled_orders"]) == (0, expected)
        assert ("RISK_UNFILLED" in err) is (value == "soon")


def test_a_pipe_that_closes_is_no_crash(bot):
    """As with ``| head -1``, or a terminal that cannot spell what a symbol is called."""
    bot.database(*FILLS, ("fill", END - 9, {"symbol": "ΩMEGA-USD", "pnl": 1}))
    command = f"{sys.executable} -m gpt_trader_telemetry.cli report daily --runtime-root {bot.root} --date 2026-02-28"
    for tail, encoding in (("| head -c 1", "utf-8"), ("| cat", "ascii")):
        told = subprocess.run(
            ["bash", "-o", "pipefail", "-c", f"{command} --no-save {tail}"],
            env={**os.environ, "PYTHONIOENCODING": encoding}, capture_output=True, check=False,
        )  # fmt: skip
        assert (told.returncode, b"Traceback" in told.stderr) == (0, False), told.stderr
        assert told.stdout


def test_an_interrupt_leaves_nothing_behind(bot, daily, monkeypatch):
    """No half of a report, no traceback."""
    bot.database(*FILLS)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("gpt_trader_telemetry.report.save.os.fsync", interrupted)
    code, out, err = daily()
    assert (code, out, err) == (130, "", "interrupted\n")
    assert list(bot.paths.reports.iterdir()) == []


@pytest.mark.parametrize(
    "symbol",
    ["KEY-USD", "BTC/USDT:USDT-260327-100000-C", "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v-USDC", "TOKEN:USD"],
)
def test_real_symbols_are_never_redacted(bot, report, symbol):
    """Contracts, options and tokens by their address look as random as keys."""
    bot.database(("fill", END - 5, {"symbol": symbol, "pnl": "1"}))
    assert [row["symbol"] for row in report()["symbols"]] == [symbol]


@pytest.mark.parametrize(
    "secret", ["api_key=SECRETKEY123456", "ghp_0123456789abcdef0123456789abcdef0123", "a" * 40 + "0f" * 12]
)
def test_what_is_no_symbol_is_scrubbed_where_one_is_expected(bot, report, secret):
    """A key that a broken bot wrote there does not go out by mail."""
    bot.database(("fill", END - 5, {"symbol": secret, "pnl": "1"}))
    assert "redacted" in report()["symbols"][0]["symbol"]
