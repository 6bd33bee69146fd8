"""Telemetry: what it opens, owns and closes; the process default; forks."""

import contextlib
import gc
import json
import logging
import operator
import os
import socket
import subprocess
import sys
import threading
import time
import typing
import urllib.error
import urllib.request

import pytest
from opentelemetry.metrics import NoOpMeterProvider, Observation

import gpt_trader_telemetry
from gpt_trader_telemetry import (
    ConfigurationError,
    Delivery,
    Settings,
    Telemetry,
    broker_call,
    configure,
    record_counter,
)
from support.receivers import http_receiver
from support.scraping import OPENMETRICS, parse, scrape

SERVED = Settings(health_server_enabled=True, metrics_endpoint_enabled=True, health_port=0)
TRADES = "gpt_trader_trades_executed_total"


def get(url: str, **headers: str) -> tuple[int, str, str]:
    """Return status, content type and body of an answer."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read().decode()


def test_the_public_face_is_this_and_sorted() -> None:
    """About twenty names; a change here is a change of the public interface."""
    assert gpt_trader_telemetry.__all__ == [
        "ConfigurationError",
        "Delivery",
        "Failed",
        "Operation",
        "Rejected",
        "Settings",
        "Telemetry",
        "TelemetryError",
        "Tripped",
        "UsageError",
        "__version__",
        "bind",
        "broker_call",
        "configure",
        "cycle",
        "guard",
        "identify",
        "instrument_all",
        "instrument_broker",
        "order_submission",
        "phase",
        "record_counter",
        "record_data_quality",
        "record_gauge",
        "record_histogram",
    ]


def test_every_name_of_the_face_is_there_and_has_a_home() -> None:
    """Names are loaded when they are asked for; none is missing, and what is no name is refused as ever."""
    named = [name for names in gpt_trader_telemetry._MODULES.values() for name in names]
    assert sorted([*named, "__version__"]) == gpt_trader_telemetry.__all__
    assert all(hasattr(gpt_trader_telemetry, name) for name in gpt_trader_telemetry.__all__)
    assert set(gpt_trader_telemetry.__all__) <= set(dir(gpt_trader_telemetry))
    with pytest.raises(AttributeError, match="no attribute 'brokercall'"):
        _ = gpt_trader_telemetry.brokercall


@pytest.mark.parametrize("name", ["configure", "broker_call", "order_submission", "record_gauge", "Telemetry.__init__"])
def test_annotations_of_the_face_can_be_resolved(name) -> None:
    """Users' tools read them at run time, whatever is loaded late."""
    assert typing.get_type_hints(operator.attrgetter(name)(gpt_trader_telemetry))


@pytest.mark.parametrize(
    ("script", "unloaded"),
    [
        ("import gpt_trader_telemetry", {"opentelemetry", "asyncio", "logging"}),
        (
            "import gpt_trader_telemetry as g; [getattr(g, name) for name in g.__all__]",
            {"asyncio", "grpc", "requests", "uvicorn", "wrapt", "prometheus_client", "opentelemetry.sdk", "ssl"},
        ),
        (
            "from gpt_trader_telemetry import Telemetry, Settings; Telemetry(Settings()).shutdown()",
            {"grpc", "requests", "uvicorn", "h11", "wrapt", "google.protobuf", "opentelemetry.proto"},
        ),
        ("from gpt_trader_telemetry.cli.main import main; main(['probe', 'live', '--url', 'http://127.0.0.1:1'])",
         {"opentelemetry", "prometheus_client", "asyncio", "gpt_trader_telemetry.telemetry"}),
    ],
    ids=["the package", "every name", "a Telemetry", "probe"],
)  # fmt: skip
def test_no_more_is_loaded_than_is_used(script, unloaded) -> None:
    """A probe that runs each second, and a program that only decorates, do not pay for what they never use."""
    check = f"import sys; {script}; loaded = {unloaded!r} & set(sys.modules); assert not loaded, loaded"
    subprocess.run([sys.executable, "-W", "error", "-c", check], check=True)


def test_importing_starts_nothing() -> None:
    """Every name is there, and no thread was started, no environment read and no socket opened."""
    script = (
        "import threading, socket, os\n"
        "socket.socket.__init__ = None\n"
        "os.environ['OTEL_METRIC_EXPORT_INTERVAL'] = 'nonsense'\n"
        "import gpt_trader_telemetry as face\n"
        "[getattr(face, name) for name in face.__all__]\n"
        "assert threading.active_count() == 1\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)


def test_metrics_are_served_in_the_format_that_is_asked_for() -> None:
    """Text by default, OpenMetrics for Prometheus, both strictly parsable, on loopback."""
    with Telemetry(SERVED) as telemetry:
        telemetry.record_counter(TRADES, 2)
        assert telemetry.server.url.startswith("http://127.0.0.1:")
        status, kind, body = get(telemetry.server.url + "/metrics?x=1")
        assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
        assert parse(body).value(TRADES) == 2
        status, kind, body = get(telemetry.server.url + "/metrics", Accept=OPENMETRICS + ",text/plain;q=0.5")
        assert (status, kind) == (200, "application/openmetrics-text; version=1.0.0; charset=utf-8")
        assert parse(body).value(TRADES) == 2


@pytest.mark.parametrize(
    ("settings", "provider", "error", "hint"),
    [
        (
            {"metrics_endpoint_enabled": False},
            None,
            "Metrics endpoint disabled",
            "Set GPT_TRADER_METRICS_ENDPOINT_ENABLED=1",
        ),
        ({"telemetry_disabled": True}, None, "Telemetry disabled", "Unset OTEL_SDK_DISABLED"),
        ({}, NoOpMeterProvider(), "Metrics endpoint unavailable", "The MeterProvider"),
    ],
)
def test_metrics_that_are_not_served_are_404_with_a_hint(settings, provider, error, hint) -> None:
    """The playbook's JSON, and what to do."""
    with Telemetry(SERVED.with_changes(**settings), meter_provider=provider) as telemetry:
        status, kind, body = get(telemetry.server.url + "/metrics")
    assert (status, kind) == (404, "application/json")
    answer = json.loads(body)
    assert answer["error"] == error
    assert answer["hint"].startswith(hint)


def test_no_server_runs_unless_it_is_asked_for(telemetry) -> None:
    """The scrape's text is there all the same."""
    assert telemetry.server is None
    assert "gpt_trader_trades_executed_total 0" in telemetry.metrics_text()


def test_a_taken_port_fails_at_once_and_leaves_nothing_behind() -> None:
    """One clear error that names the port; no thread survives it."""
    before = threading.active_count()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=str(port)):
            Telemetry(SERVED.with_changes(health_port=port))
    assert threading.active_count() == before


def test_settings_of_another_type_are_named() -> None:
    """A dictionary is what people try first."""
    with pytest.raises(ConfigurationError, match=r"cannot be of type dict; give Settings\(\.\.\.\), or none at all"):
        Telemetry({"health_port": 1})


def test_configure_is_one_for_the_process_and_can_begin_anew() -> None:
    """A second call returns the same; other arguments are an error; after shutdown it is a new one."""
    calls = broker_call("cancel")(lambda: None)
    first = configure(settings=Settings())
    try:
        assert configure() is first
        assert configure(settings=Settings()) is first
        with pytest.raises(ConfigurationError, match="called before with other arguments"):
            configure(settings=Settings(service_name="other"))
        calls()
    finally:
        first.shutdown()
    calls()
    second = configure(settings=Settings(service_name="other"))
    try:
        assert second is not first
        calls()
        calls()
        found = [
            scrape(each).value(
                "gpt_trader_broker_call_latency_seconds_count", operation="cancel", outcome="success", reason="none"
            )
            for each in (first, second)
        ]
        assert found == [1, 2]
    finally:
        second.shutdown()


def test_configure_from_several_threads_at_once_makes_one() -> None:
    """A race to configure opens one server and one pipeline."""
    made: list[Telemetry] = []
    threads = [threading.Thread(target=lambda: made.append(configure(settings=SERVED))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    try:
        assert len(made) == 8
        assert len({id(each) for each in made}) == 1
    finally:
        made[0].shutdown()


def test_two_telemetries_do_not_mix() -> None:
    """Recordings, instruments, ports and instance ids are each one's own."""
    with Telemetry(SERVED) as one, Telemetry(SERVED) as two:
        one.record_counter(TRADES, 1)
        two.record_counter(TRADES, 5)
        two.meter_provider.get_meter("mine").create_counter("mine").add(1)
        record_counter(TRADES, 100)  # the process default, of which there is none
        assert (scrape(one).value(TRADES), scrape(two).value(TRADES)) == (1, 5)
        assert (scrape(one).value("mine_total"), scrape(two).value("mine_total")) == (None, 1)
        assert one.server.url != two.server.url
        (first,), (second,) = (scrape(each).label_sets("target_info") for each in (one, two))
        assert first["service_instance_id"] != second["service_instance_id"]


def test_shutdown_is_idempotent_and_ends_every_thread() -> None:
    """A second call gives the first one's answer; nothing goes on behind it."""
    before = threading.active_count()
    with http_receiver() as received:
        telemetry = Telemetry(SERVED.with_changes(otlp_endpoint=received.endpoint))
        telemetry.record_counter(TRADES)
        url = telemetry.server.url
        assert telemetry.shutdown() is Delivery.DELIVERED
        assert telemetry.shutdown() is Delivery.DELIVERED
        assert telemetry.flush() is Delivery.DELIVERED
        assert received.value(TRADES) == 1
        telemetry.record_counter(TRADES)  # forgotten, not an error
        with pytest.raises(OSError):
            urllib.request.urlopen(url, timeout=1)
    gc.collect()
    assert threading.active_count() == before


def test_a_process_that_just_ends_still_delivers() -> None:
    """A short-lived bot need not call shutdown: what it recorded leaves at its exit, within two seconds."""
    script = (
        "import sys\n"
        "from gpt_trader_telemetry import configure, Settings, record_counter\n"
        "configure(settings=Settings(otlp_endpoint=sys.argv[1], otlp_protocol=sys.argv[2], health_server_enabled=True,"
        " health_port=0))\n"
        "record_counter('gpt_trader_trades_executed_total', 7)\n"
    )
    from support.receivers import RECEIVERS

    for protocol, receiver in RECEIVERS.items():
        with receiver() as received:
            subprocess.run([sys.executable, "-c", script, received.endpoint, protocol], check=True, timeout=20)
            assert received.value(TRADES) == 7


WORKING = """
import multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
from gpt_trader_telemetry import Settings, configure, record_counter

def settings():
    return Settings(otlp_endpoint=sys.argv[1], export_interval=60)

def work(amount):
    configure(settings=settings()) if sys.argv[3] == "in the child" else None
    record_counter("gpt_trader_trades_executed_total", amount)

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[2])
    if sys.argv[3] == "in the parent":
        configure(settings=settings())
    child = context.Process(target=work, args=(1,))
    child.start()
    child.join()
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        pool.submit(work, 10).result()
    if sys.argv[3] == "in the parent":
        record_counter("gpt_trader_trades_executed_total", 100)
"""


@pytest.mark.parametrize(
    ("method", "where", "expected"),
    [
        ("fork", "in the parent", [1, 10, 100]),
        ("fork", "in the child", [1, 10]),
        ("spawn", "in the child", [1, 10]),
        ("forkserver", "in the child", [1, 10]),
    ],
)
def test_a_worker_process_that_just_ends_still_delivers(method, where, expected, tmp_path) -> None:
    """Children of multiprocessing end without atexit; what they recorded leaves all the same, each under its own id."""
    from support.receivers import RECEIVERS

    script = tmp_path / "workers.py"
    script.write_text(WORKING)
    with RECEIVERS["http/protobuf"]() as received:
        command = [sys.executable, "-W", "ignore::DeprecationWarning", script, received.endpoint, method, where]
        subprocess.run(command, check=True, timeout=60)
        by_instance = {}
        for request in received.requests:
            only = type(received)()
            only.requests = [request]
            by_instance[only.resources()[0]["service.instance.id"]] = only
    assert sorted(only.value(TRADES) for only in by_instance.values()) == expected


def test_disabled_telemetry_records_nothing_and_serves_on(monkeypatch) -> None:
    """OTEL_SDK_DISABLED is a no-op for metrics: decorated functions work, and the server is there for health."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    monkeypatch.setenv("GPT_TRADER_HEALTH_SERVER_ENABLED", "1")
    monkeypatch.setenv("GPT_TRADER_HEALTH_PORT", "0")
    with Telemetry() as telemetry:

        @telemetry.order_submission(side="buy")
        @telemetry.guard("g")
        def submit() -> str:
            return "accepted"

        assert submit() == "accepted"
        telemetry.websocket.connected()
        telemetry.account.update(equity=1)
        telemetry.record_gauge("gpt_trader_open_orders", "nonsense")
        assert telemetry.metrics_text() == ""
        assert telemetry.server is not None
        assert telemetry.flush() is Delivery.DELIVERED


def test_disabled_telemetry_leaves_the_signals_alone() -> None:
    """Which are health, not telemetry: a bot whose orders all fail is unhealthy all the same."""
    with Telemetry(Settings(telemetry_disabled=True)) as telemetry:

        @telemetry.order_submission(side="buy")
        def submit() -> None:
            raise ConnectionError

        for _ in range(20):
            with contextlib.suppress(ConnectionError):
                submit()
        end = time.monotonic() + 5
        while telemetry.signals.evaluate()["order_error_rate"].value != 1.0:
            assert time.monotonic() < end
            time.sleep(0.02)
        assert telemetry.signals.evaluate().status.value == "CRIT"


def test_instruments_of_the_users_own_stand_beside_the_catalogues(telemetry, caplog) -> None:
    """One valid answer; a name that collides with the catalogue's is dropped, counted and logged once."""
    meter = telemetry.meter_provider.get_meter("mine")
    meter.create_counter("my_counter").add(3, {"a": "b"})
    meter.create_histogram("my_seconds", unit="s").record(0.2)
    meter.create_gauge("gpt_trader_open_orders").set(99)
    meter.create_gauge("my_clash").set(1)
    meter.create_counter("my_clash_total").add(1)
    telemetry.record_gauge("gpt_trader_open_orders", 2)
    for accept in ("text/plain", OPENMETRICS):
        found = scrape(telemetry, accept)
        assert found.value("my_counter_total", a="b") == 3
        assert found.value("my_seconds_count") == 1
        assert found.value("gpt_trader_open_orders") == 2
        assert (found.value("my_clash"), found.value("my_clash_total")) == (1, 1)
    assert scrape(telemetry).value("gpt_trader_telemetry_errors_total", component="pipeline") >= 2
    assert sum("collides" in record.message for record in caplog.records) == 1


def test_a_callback_that_raises_leaves_the_rest_of_the_scrape_alone(telemetry, caplog) -> None:
    """Counted, logged once, and the other series are there."""

    def broken(_options) -> list:
        raise RuntimeError("broken callback")

    telemetry.meter_provider.get_meter("mine").create_observable_gauge("mine", [broken])
    telemetry.record_counter(TRADES)
    with caplog.at_level(logging.CRITICAL, logger="opentelemetry"):
        for _ in range(3):
            assert scrape(telemetry).value(TRADES) == 1


def test_a_callback_that_hangs_holds_up_no_scrape_and_no_export(caplog) -> None:
    """Half a second later the rest is served and sent, without what is not known now; it is not asked again."""
    release = threading.Event()
    asked: list[int] = []

    def hanging(_options) -> list[Observation]:
        asked.append(1)
        if len(asked) > 2:  # each road asks once in peace
            release.wait(30)
        return [Observation(7)]

    with http_receiver() as received, Telemetry(SERVED.with_changes(otlp_endpoint=received.endpoint)) as telemetry:
        telemetry.meter_provider.get_meter("mine").create_observable_gauge("mine", [hanging])
        assert scrape(telemetry).value("mine") == 7
        assert telemetry.flush(5)
        telemetry.record_counter(TRADES)
        for _ in range(2):
            found = scrape(telemetry)
            assert (found.value(TRADES), found.value("mine")) == (1, None)
        assert telemetry.flush(5)
        assert received.value(TRADES) == 1
        assert len(asked) <= 4
        release.set()
    assert sum("a callback of mine hangs" in record.message for record in caplog.records) == 1


def test_concurrent_scrapes_each_see_everything() -> None:
    """The stock reader loses or doubles samples under concurrent scrapes; here each answer is whole."""
    interval = sys.getswitchinterval()
    with Telemetry(SERVED) as telemetry:
        telemetry.meter_provider.get_meter("mine").create_counter("mine").add(1)
        names = set(scrape(telemetry).values) - {("gpt_trader_process_cpu_percent", ())}
        wrong: list[str] = []

        def scrape_often() -> None:
            for _ in range(30):
                found = set(parse(get(telemetry.server.url + "/metrics")[2]).values)
                if not names <= found:
                    wrong.append(f"missing {names - found}")

        sys.setswitchinterval(1e-6)
        try:
            threads = [threading.Thread(target=scrape_often) for _ in range(6)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            sys.setswitchinterval(interval)
    assert not wrong


FORKING = """
import os, sys, time, urllib.request
from gpt_trader_telemetry import Settings, configure, guard, record_counter

@guard("g")
def check():
    pass

telemetry = configure(settings=Settings(
    health_server_enabled=True, metrics_endpoint_enabled=True, health_port=0,
    otlp_endpoint=sys.argv[1], otlp_protocol=sys.argv[2], export_interval=60,
))
url = telemetry.server.url
record_counter("gpt_trader_trades_executed_total", 5)
telemetry.record_gauge("gpt_trader_equity_dollars", 10)
check()
child = os.fork()
if child == 0:
    assert telemetry.server is None
    record_counter("gpt_trader_trades_executed_total", 2)
    check(); check()
    os._exit(0 if telemetry.shutdown() else 1)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 0, status
assert b"gpt_trader_trades_executed_total 5" in urllib.request.urlopen(url + "/metrics").read()
assert telemetry.shutdown()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_a_forked_child_counts_from_zero_under_its_own_instance_id(protocol) -> None:
    """The parent goes on serving and counting; the child exports what it did itself, and serves nothing."""
    from support.receivers import RECEIVERS

    with RECEIVERS[protocol]() as received:
        subprocess.run(
            [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKING, received.endpoint, protocol],
            check=True,
            timeout=30,
        )
        by_instance = {}
        for request in received.requests:
            only = type(received)()
            only.requests = [request]
            by_instance[only.resources()[0]["service.instance.id"]] = only
    assert len(by_instance) == 2
    assert sorted(only.value(TRADES) for only in by_instance.values()) == [2, 5]
    checks = "gpt_trader_guard_checks_total"
    assert sorted(only.value(checks, guard="g", result="success") for only in by_instance.values()) == [1, 2]
    assert sorted(str(only.value("gpt_trader_equity_dollars")) for only in by_instance.values()) == ["10", "None"]


def test_set_global_makes_it_opentelemetrys_too() -> None:
    """Only when asked for: libraries that use the global meter then appear on both roads."""
    script = (
        "from opentelemetry import metrics\n"
        "from gpt_trader_telemetry import Settings, Telemetry, configure\n"
        "before = metrics.get_meter_provider()\n"
        "Telemetry(Settings()).shutdown()\n"
        "assert metrics.get_meter_provider() is before\n"
        "telemetry = configure(settings=Settings(), set_global=True)\n"
        "metrics.get_meter('m').create_counter('mine').add(1)\n"
        "assert 'mine_total 1' in telemetry.metrics_text()\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_memory_does_not_grow_with_calls_between_scrapes(telemetry) -> None:
    """What waits is folded in the background, also if nobody ever scrapes."""
    call = telemetry.guard("g")(lambda: None)
    feeds = telemetry._pipeline.recorder._structure.feeds
    for _ in range(300_000):
        call()
    deadline = time.monotonic() + 5
    while any(feed.pending for feed in feeds.values()) and time.monotonic() < deadline:
        time.sleep(0.02)  # the folding thread's own clock is what is waited for
    assert not any(feed.pending for feed in feeds.values())
    assert scrape(telemetry).value("gpt_trader_guard_checks_total", guard="g", result="success") == 300_000


def test_a_signal_handler_may_shut_down_while_shutdown_runs() -> None:
    """SIGTERM while leaving the `with` block: the second call says that it did not wait, and nothing hangs."""
    telemetry = Telemetry(Settings())
    answers: list[Delivery] = []
    stop = telemetry._pipeline.shutdown
    telemetry._pipeline.shutdown = lambda timeout: (answers.append(telemetry.shutdown(0.5)), stop(timeout))[1]
    assert telemetry.shutdown() is Delivery.DELIVERED
    assert answers == [Delivery.TIMED_OUT]
    assert telemetry.shutdown() is Delivery.DELIVERED


def test_a_second_threads_shutdown_keeps_its_own_bound() -> None:
    """It does not wait for the first one's longer time-out."""
    telemetry = Telemetry(Settings())
    entered, release = threading.Event(), threading.Event()
    stop = telemetry._pipeline.shutdown

    def slow(timeout: float) -> Delivery:
        entered.set()
        release.wait(10)
        return stop(timeout)

    telemetry._pipeline.shutdown = slow
    first = threading.Thread(target=telemetry.shutdown)
    first.start()
    entered.wait(5)
    started = time.monotonic()
    assert telemetry.shutdown(0.1) is Delivery.TIMED_OUT
    assert time.monotonic() - started < 1
    release.set()
    first.join()


def test_one_odd_value_ends_neither_road() -> None:
    """A whole number beyond 64 bits and sums beyond any float are shown as what comes nearest."""
    with http_receiver() as received, Telemetry(Settings(otlp_endpoint=received.endpoint)) as telemetry:
        telemetry.record_gauge("gpt_trader_wallet_wei", 10 * 10**18)
        for _ in range(2):
            telemetry.record_histogram("gpt_trader_sizes", 1.7e308)
        telemetry.record_counter(TRADES)
        assert telemetry.flush(5)
        assert received.value("gpt_trader_wallet_wei") == 1e19
        found = scrape(telemetry)
        assert (found.value(TRADES), found.value("gpt_trader_sizes_sum")) == (1, float("inf"))


def test_orders_that_overlap_hold_nothing_of_one_another() -> None:
    """A task that submits the next order before it ends: values are let go of, however long the chain."""
    import asyncio
    import weakref

    class Answer:
        pass

    alive: weakref.WeakSet = weakref.WeakSet()
    tasks: list = []
    with Telemetry(Settings()) as telemetry:

        @telemetry.order_submission(side="buy")
        async def submit(left: int) -> Answer:
            if left:
                tasks.append(asyncio.create_task(submit(left - 1)))
            await asyncio.sleep(0)
            answer = Answer()
            alive.add(answer)
            return answer

        async def main() -> None:
            await submit(200)
            while tasks:
                await tasks.pop()
            gc.collect()
            assert len(alive) <= 2

        asyncio.run(main())


def test_a_provider_that_outlives_a_telemetry_serves_the_next_one(caplog) -> None:
    """Watched gauges are the newest bot's, of two at once too, and nothing warns of instruments made twice."""
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)

    def connected_and_reconnects():
        metrics = reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics
        found = {metric.name: [point.value for point in metric.data.data_points] for metric in metrics}
        return found.get("gpt_trader_ws_connected"), found.get("gpt_trader_ws_reconnect_count")

    first = Telemetry(Settings(), meter_provider=provider)
    first.websocket.connected()
    assert connected_and_reconnects() == ([1], [0])
    first.websocket.disconnected()
    first.websocket.connected()
    first.shutdown()
    second = Telemetry(Settings(), meter_provider=provider)
    second.websocket.connected()
    assert connected_and_reconnects() == ([1], [0])
    with Telemetry(Settings(), meter_provider=provider) as third:
        third.websocket.connected()
        third.websocket.disconnected()
        assert connected_and_reconnects() == ([0], [0])
    assert connected_and_reconnects() == ([1], [0])
    second.shutdown()
    provider.shutdown()
    assert "already" not in caplog.text


DORMANT = """
import os, time
from gpt_trader_telemetry import Settings, Telemetry

telemetry = Telemetry(Settings(metrics_endpoint_enabled=True))
telemetry.health.mark_ready()
asked = []
telemetry.health.register("broker", lambda: asked.append(os.getpid()), severity="critical", interval=0.05, timeout=0.05)
telemetry.health.run_once()
up = 'gpt_trader_health_check_up{check="broker"}'
assert up + " 1.0" in telemetry.metrics_text()
child = os.fork()
if child == 0:
    asked.clear()
    time.sleep(0.6)  # far longer than a result is good for
    assert telemetry.health.reports()["broker"].status.value == "pending", telemetry.health.reports()
    assert up not in telemetry.metrics_text()
    assert asked == []
    telemetry.health.start()
    while not telemetry.health.reports()["broker"].ok:
        time.sleep(0.01)
    assert up + " 1.0" in telemetry.metrics_text()
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
telemetry.shutdown()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_forked_child_calls_no_check_down_that_it_does_not_run() -> None:
    """It neither asks the broker over the parent's connections nor exports a failure; ``start`` has it run them."""
    subprocess.run([sys.executable, "-W", "ignore::DeprecationWarning", "-c", DORMANT], check=True, timeout=30)
