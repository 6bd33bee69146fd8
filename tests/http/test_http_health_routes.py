"""The routes of health: the playbook's words and codes, who may ask, and over what."""

import itertools
import json
import logging
import os
import threading
import time

import pytest

from gpt_trader_telemetry.catalog import GUARD_TRIPS, ORDER_SUBMISSION
from gpt_trader_telemetry.errors import ConfigurationError
from gpt_trader_telemetry.health.registry import Health
from gpt_trader_telemetry.health.signals import Signals
from gpt_trader_telemetry.health.trading_history import TradingHistory
from gpt_trader_telemetry.http import bot_routes
from gpt_trader_telemetry.http.access import BearerToken, server_context
from gpt_trader_telemetry.http.app import App, Request, json_response
from gpt_trader_telemetry.http.bot_routes import BotHealth
from gpt_trader_telemetry.http.health_routes import (
    HealthView,
    health_routes,
    probe_routes,
)
from gpt_trader_telemetry.http.health_server import Access, make_app, start_health_server
from gpt_trader_telemetry.http.page_routes import PAGE_PATHS, page_routes
from gpt_trader_telemetry.thresholds import Thresholds

TOKEN = b"correct-horse-battery-staple"


IDENTITY = {"service": "bot", "instance": "one"}
ORDERS = {"OK": (20, 0), "WARN": (9, 1), "CRIT": (0, 20)}
"""Orders that succeeded and that failed: 10 % failed is above 5 %, 100 % above 15 %."""


def view_of(health, signal=None):
    """Return the view that a bot serves: its checks are ``health``'s, and its orders were such that signals say this."""
    signals = Signals(Thresholds(required=["order_error_rate"] if signal == "missed" else []))
    good, bad = ORDERS.get(signal, (0, 0))
    if good or bad:
        signals.tap(ORDER_SUBMISSION, (("result", "success"), ("reason", "none"), ("side", "buy")))([1.0] * good)
        signals.tap(ORDER_SUBMISSION, (("result", "failed"), ("reason", "error"), ("side", "buy")))([1.0] * bad)
    return bot_routes.view_of(BotHealth(health, signals, TradingHistory()), IDENTITY)


@pytest.fixture
def health():
    """A Health without a thread of its own."""
    made = Health(autostart=False)
    yield made
    made.stop()


def ask(routes, path, method="GET", **headers):
    response = App(routes)(Request(method, path, "", {k.replace("_", "-"): v for k, v in headers.items()}))
    return response.status, json.loads(response.body) if response.body else None


LIVE = {"live": True, "dead": False}
READY = ("never", "ready", "withdrawn")
CHECKS = {
    "none": None,
    "passing": ("critical", True),
    "warning failing": ("warning", False),
    "critical failing": ("critical", False),
    "critical pending": ("critical", None),
}
SIGNALS = ("OK", "WARN", "CRIT", "UNKNOWN", "missed")

# The first row that applies decides, as docs and playbook have it: (live, ready, check, signal) -> (word, code).
ANY = None
VERDICTS = [
    (("dead", ANY, ANY, ANY), ("unhealthy", 503)),
    ((ANY, "never", ANY, ANY), ("starting", 503)),
    ((ANY, "withdrawn", ANY, ANY), ("unhealthy", 503)),
    ((ANY, ANY, "critical failing", ANY), ("unhealthy", 503)),
    ((ANY, ANY, ANY, "CRIT"), ("unhealthy", 503)),
    ((ANY, ANY, "warning failing", ANY), ("degraded", 200)),
    ((ANY, ANY, ANY, "WARN"), ("degraded", 200)),
    ((ANY, ANY, ANY, "missed"), ("degraded", 200)),
    ((ANY, ANY, ANY, ANY), ("healthy", 200)),
]


@pytest.mark.parametrize(
    ("live", "ready", "check", "signal"), list(itertools.product(LIVE, READY, CHECKS, SIGNALS))
)  # fmt: skip
def test_each_combination_has_its_word_and_code(health, live, ready, check, signal):
    """Live, ready, check result, severity and signal: /health, /live and /ready of every combination."""
    if CHECKS[check] is not None:
        severity, passes = CHECKS[check]
        health.register("broker", lambda: passes, severity=severity)
        if passes is not None:
            health.run_once()
    if ready != "never":
        health.mark_ready()
    if ready == "withdrawn":
        health.mark_not_ready("paused")
    if live == "dead":
        health.mark_not_live()
    routes = health_routes(view_of(health, signal))

    case = (live, ready, check, signal)
    word, code = next(
        verdict for row, verdict in VERDICTS if all(want in {ANY, have} for want, have in zip(row, case, strict=True))
    )
    status, body = ask(routes, "/health")
    assert (status, body["status"]) == (code, word)
    assert body["live"] is LIVE[live]
    assert body["signals"]["status"] == {"missed": "UNKNOWN"}.get(signal, signal)
    assert ("broker" in body["checks"]) is (CHECKS[check] is not None)

    status, body = ask(routes, "/live")
    assert (status, body) == ((200, {"status": "pass", "live": True}), (503, {"status": "fail", "live": False}))[
        live == "dead"
    ]

    passes = ready == "ready" and check not in {"critical failing", "critical pending"}
    status, body = ask(routes, "/ready")
    assert (status, body["status"], body["ready"]) == ((200, "pass", True) if passes else (503, "fail", False))
    assert list(body) == ["status", "ready", "reason"]


def test_health_has_the_playbooks_keys_in_its_order(health):
    """And no others; likewise inside /status.json."""
    health.mark_ready()
    routes = health_routes(view_of(health, "OK"))
    keys = ["status", "live", "ready", "reason", "checks", "signals"]
    body = ask(routes, "/health")[1]
    assert list(body) == keys
    assert (body["status"], body["reason"], body["signals"]["status"]) == ("healthy", "application_ready", "OK")
    document = ask(routes, "/status.json")[1]
    assert list(document) == ["generated_at", "service", "instance", "version", "health", "history"]
    assert list(document["health"]) == keys
    assert ask(routes, "/health/explain")[1]["signals"][0]["denominator"] == 20


def test_a_reason_and_an_error_show_no_secret(health):
    """Whoever sets them, and wherever they are shown."""

    @health.check("broker", severity="critical")
    def broker():
        raise RuntimeError("GET https://bob:hunter2@broker/v1?api_key=abc123: 401")

    health.run_once()
    view = view_of(health)
    loose = HealthView(
        live=view.live, ready=lambda: (False, "password=hunter2"), explain=view.explain,
        health=lambda: {**view.health(), "reason": "token: hunter2"}, status=view.status,
    )  # fmt: skip
    for source, path in itertools.product((view, loose), ("/health", "/ready", "/status.json")):
        body = json.dumps(ask(health_routes(source), path)[1])
        assert "hunter2" not in body
        assert "abc123" not in body
    assert "[redacted]" in ask(health_routes(loose), "/ready")[1]["reason"]


@pytest.fixture
def server():
    """Start health servers; they are stopped at the end."""
    servers = []

    def start(routes, **access):
        made = start_health_server(routes, host="127.0.0.1", port=0, access=Access(**access))
        servers.append(made)
        return made

    yield start
    for made in servers:
        made.stop()


@pytest.fixture
def http(ask):
    """Send one request to a server: (status, headers, body)."""
    return ask


def test_probes_answer_while_everything_else_hangs(server, http, health):
    """A health report that hangs for ever stops neither /live nor /ready, however often it is asked for."""
    released = threading.Event()
    view = view_of(health)
    hung = HealthView(
        live=view.live, ready=view.ready, health=lambda: released.wait(30) and {},
        explain=lambda: released.wait(30) and {}, status=lambda: released.wait(30) and {},
    )  # fmt: skip
    made = server({**health_routes(hung), **page_routes()})
    waiting = [
        threading.Thread(target=lambda path=path: http(made, path, timeout=20), daemon=True)
        for path in ("/health", "/health/explain", "/status.json")
        for _ in range(8)
    ]
    for thread in waiting:
        thread.start()
    time.sleep(0.2)
    for path, code in (("/live", 200), ("/ready", 503), ("/", 200)) * 5:
        started = time.monotonic()
        assert http(made, path)[0] == code
        assert time.monotonic() - started < 1.0
    released.set()
    for thread in waiting:
        thread.join(10)


# The token


def everything(health):
    return {**health_routes(view_of(health)), **page_routes(), "/metrics": lambda _: json_response(200, {})}


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_the_token_opens_all_and_its_absence_all_but_probes_and_the_empty_page(health, method):
    """What is no route, and what is no method, included."""
    app = make_app(everything(health), token=BearerToken(TOKEN))
    plain = make_app(everything(health))
    carried = {"authorization": f"Bearer {TOKEN.decode()}"}
    for path in ("/health", "/health/explain", "/status.json", "/metrics", "/nope", "", "/live/", "//live", "/LIVE"):
        refused = app(Request(method, path))
        assert (refused.status, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert refused.headers["content-type"] == "application/json"
        assert app.is_fast(Request(method, path))  # a refusal takes no worker thread
        assert app(Request(method, path, "", carried)).status == plain(Request(method, path)).status
    for path in ("/live", "/ready", *PAGE_PATHS):
        assert app(Request(method, path)).status == plain(Request(method, path)).status != 401


@pytest.mark.parametrize(
    ("header", "passes"),
    [
        ("Bearer correct-horse-battery-staple", True),
        ("bearer correct-horse-battery-staple", True),
        ("BEARER  correct-horse-battery-staple ", True),
        ("Bearer correct-horse-battery-stapl", False),
        ("Bearer correct-horse-battery-staples", False),
        ("Bearer CORRECT-HORSE-BATTERY-STAPLE", False),
        ("Basic correct-horse-battery-staple", False),
        ("correct-horse-battery-staple", False),
        ("Bearer", False),
        ("Bearer ", False),
        ("", False),
        ("Bearer correct-horse-battery-staple, Bearer correct-horse-battery-staple", False),
        ("Bearer \ud800\xff☃", False),
    ],
)
def test_only_the_token_itself_passes(header, passes):
    """Its scheme in any case; nothing near it, and nothing beside it."""
    assert BearerToken(TOKEN).is_carried_by(Request("GET", "/health", "", {"authorization": header})) is passes


def test_the_token_is_never_shown(*, health, tmp_path, server, http, caplog, capfd):
    """Not in a refusal, a repr or a log, the one that was sent included."""
    caplog.set_level(logging.DEBUG)
    path = tmp_path / "token"
    path.write_bytes(TOKEN)
    path.chmod(0o644)
    made = server(everything(health), token_file=path)
    for sent in (TOKEN.decode(), "wrong-guess-of-a-token"):
        status, headers, body = http(made, "/health", Authorization=f"Bearer {sent}")
        assert status == (401 if sent.startswith("wrong") else 503)
        shown = f"{headers} {body} {made!r} {BearerToken(TOKEN)!r} {caplog.text} {capfd.readouterr()}"
        assert sent not in shown
    assert "chmod 600" in caplog.text


def test_a_token_is_read_from_its_file_without_the_space_around_it(tmp_path, caplog):
    """As an editor or echo leaves it; a private file with a long token is no reason for a word."""
    path = tmp_path / "token"
    path.write_bytes(b"\r\n  " + TOKEN + b"\n\n")
    path.chmod(0o600)
    token = BearerToken.from_file(path)
    assert token.is_carried_by(Request("GET", "/", "", {"authorization": f"Bearer {TOKEN.decode()}"}))
    assert caplog.records == []
    path.write_bytes(b"short")
    BearerToken.from_file(path)
    assert "is short" in caplog.text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b" \n\t", "is empty"),
        (b"two words-of-hunter2", "holds no token"),
        ("hunter2-of-tökens-and-more".encode(), "holds no token"),
        (b"hunter2\x00" * 9, "holds no token"),
        (b"hunter2" * 9999, "holds no token"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_file_without_a_token_is_refused_at_once(tmp_path, content, words):
    """Naming the file, and nothing of what is in it."""
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=words) as caught:
        BearerToken.from_file(path)
    assert str(path) in str(caught.value)
    assert "hunter2" not in str(caught.value)


# TLS, and a port for probes


def test_probes_have_a_plain_port_of_their_own_beside_tls(health, server, http, tls, certificate):
    """There they are all there is; here they are answered too."""
    made = server(everything(health), tls_certificate=certificate[0], tls_key=certificate[1], probe_port=0)
    assert made.url.startswith("https://")
    assert made.probe_url.startswith("http://")
    assert made.running
    assert http(made, "/health", tls=tls[1])[0] == 503
    assert http(made, "/live", tls=tls[1])[0] == 200

    class Probes:
        host, port = "127.0.0.1", int(made.probe_url.rpartition(":")[2])

    assert (http(Probes, "/live")[0], http(Probes, "/ready")[0]) == (200, 503)
    for path in ("/", "/health", "/metrics", "/status.json", "/page.js"):
        assert http(Probes, path)[0] == 404
    assert made.counts.accepted == 9
    assert made.probe_url in repr(made)
    assert made.stop()
    assert not made.running
    assert made.connections == 0


def test_without_a_probe_port_probes_are_on_the_one_listener(health, server, http):
    """And the address for them is that of everything."""
    made = server(everything(health))
    assert made.probe_url == made.url
    assert http(made, "/live")[0] == 200
    made.close_inherited()  # nothing happens to the process that owns it
    assert http(made, "/live")[0] == 200


def test_a_taken_probe_port_leaves_nothing_open(health, server):
    """And the error names its own setting, not the other port's."""
    taken = server(everything(health))
    threads = threading.active_count()
    with pytest.raises(ConfigurationError, match=r"is taken; set GPT_TRADER_HEALTH_PROBE_PORT"):
        server(everything(health), probe_port=taken.port)
    assert threading.active_count() == threads


def test_tls_files_that_cannot_be_used_are_named(tmp_path, certificate):
    """At once, and without a question on the terminal."""
    cert, key = certificate
    junk = tmp_path / "junk.pem"
    junk.write_text("junk")
    both = tmp_path / "both.pem"
    both.write_bytes(cert.read_bytes() + key.read_bytes())
    server_context(both)
    for files in ((junk, key), (cert, junk), (cert, None), (tmp_path, key), (cert, tmp_path / "missing.pem")):
        with pytest.raises(ConfigurationError, match="TLS") as caught:
            server_context(*files)
        assert any(str(file) in str(caught.value) for file in files)
    with pytest.raises(ConfigurationError, match="without a certificate"):
        Access(tls_key=key)


@pytest.fixture
def nobody():
    """Run as a user who may not read everything, where the tests run as one who may."""
    if not hasattr(os, "geteuid"):
        pytest.skip("this system has no users to be")
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_token_file_that_may_not_be_read_is_named(tmp_path, request):
    """With the system's own words."""
    path = tmp_path / "token"
    path.write_bytes(TOKEN)
    path.chmod(0)
    request.getfixturevalue("nobody")
    with pytest.raises(ConfigurationError, match="cannot be read: Permission denied"):
        BearerToken.from_file(path)


def test_probe_routes_are_two(health):
    """Nothing else is ever on the second port."""
    assert set(probe_routes(view_of(health))) == {"/live", "/ready"}


def test_the_history_on_the_page_is_what_was_sampled(health):
    """A sample a second, of the signals and of the orders behind them."""
    view = view_of(health, "CRIT")
    signals = Signals()
    bot = BotHealth(health, signals, TradingHistory())
    assert not any(bot.status_json(IDENTITY)["history"]["signals"]["guard_trip_count"])
    bot.signals.tap(GUARD_TRIPS, (("guard", "g"), ("category", "limit"), ("recoverable", "true")))([1.0] * 4)
    bot.sample()
    assert bot.status_json(IDENTITY)["history"]["signals"]["guard_trip_count"][-1] == 4
    assert view.health()["signals"]["status"] == "CRIT"
