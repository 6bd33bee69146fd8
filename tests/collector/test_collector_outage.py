"""Ten minutes without a Collector, compressed: an export a minute becomes one every tenth of a second."""

import gc
import logging
import statistics
import time
import tracemalloc
import urllib.request
from contextlib import suppress

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from gpt_trader_telemetry import Delivery, Settings, Telemetry
from support.collector import Collector, collecting
from support.flood import pattern
from support.receivers import free_port
from support.scraping import Scrape, scrape
from support.stores import STORES, prometheus, wait_until

MINUTE = 0.1
"""Seconds between two exports."""
IMPATIENT = "exporters: {otlp_grpc: {retry_on_failure: {initial_interval: 50ms, max_interval: 200ms}}}"
SUBMISSIONS = "gpt_trader_order_submission_total"


def bot(endpoint: str, interval: float = MINUTE, timeout: float = MINUTE) -> Telemetry:
    """A bot that sends every minute; its requests give up in time for the next."""
    return Telemetry(Settings(otlp_endpoint=endpoint, export_interval=interval, otlp_timeout=timeout))


class Trader:
    """Submits orders, and keeps a ledger of its own."""

    def __init__(self, telemetry: Telemetry) -> None:
        self.ledger = {"success": 0, "failed": 0}

        @telemetry.order_submission(side="buy")
        @telemetry.broker_call("submit")
        def submit(works: bool) -> None:
            if not works:
                raise TimeoutError

        self.submit = submit

    def trade(self, times: int) -> None:
        """Submit so many orders, of which every tenth times out."""
        for number in range(times):
            works = number % 10 != 9
            with suppress(TimeoutError):
                self.submit(works)
            self.ledger["success" if works else "failed"] += 1

    def is_told_by(self, answer: Scrape) -> bool:
        """Whether an answer has each count of the ledger, no more and no less."""
        calls = "gpt_trader_broker_call_latency_seconds"
        outcomes = {"success": "success", "failed": "failure"}
        return all(
            answer.total(SUBMISSIONS, result=result) == answer.total(f"{calls}_count", outcome=outcomes[result])
            == answer.total(f"{calls}_bucket", outcome=outcomes[result], le="+Inf") == count
            for result, count in self.ledger.items()
        )  # fmt: skip


def failed_exports(telemetry: Telemetry) -> float:
    """How many exports the bot says have failed."""
    return scrape(telemetry).total("gpt_trader_telemetry_export_failures_total")


def ten_minutes_pass(telemetry: Telemetry, trader: Trader) -> None:
    """Trade until ten more exports have failed."""
    until = failed_exports(telemetry) + 10
    deadline = time.monotonic() + 30
    while failed_exports(telemetry) < until:
        assert time.monotonic() < deadline
        trader.trade(100)
        time.sleep(MINUTE / 10)


@pytest.fixture
def agent(tmp_path):
    with collecting(tmp_path / "agent", "agent.yaml", "agent-scrape-only.yaml") as running:
        yield running


def test_nothing_is_lost_and_nothing_doubled_by_an_outage_of_the_collector(agent: Collector):
    """The Collector is killed, ten exports fail, it comes back: it tells exactly the bot's own ledger."""
    with bot(agent.http, timeout=2 * MINUTE) as telemetry:
        trader = Trader(telemetry)
        trader.trade(1000)
        wait_until(lambda: trader.is_told_by(agent.scrape()), "totals before the outage")
        agent.kill()
        ten_minutes_pass(telemetry, trader)
        agent.start()
        trader.trade(10)
        wait_until(lambda: trader.is_told_by(agent.scrape()), "totals after the outage")
        assert telemetry.shutdown(10) is Delivery.DELIVERED
    assert trader.is_told_by(agent.scrape())


def test_the_bots_memory_does_not_grow_with_an_outage(caplog):
    """Ten thousand orders without a Collector leave no more behind than a thousand."""
    caplog.set_level(logging.CRITICAL, "opentelemetry")  # pytest would keep every line that the exporter logs
    tracemalloc.start()
    try:
        with bot(f"http://127.0.0.1:{free_port()}") as telemetry:
            trader = Trader(telemetry)
            held = []
            for rounds in (1, 10):
                for _ in range(rounds):
                    trader.trade(1000)
                    time.sleep(MINUTE / 5)
                ten_minutes_pass(telemetry, trader)
                assert trader.is_told_by(scrape(telemetry))
                gc.collect()
                held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert held[1] - held[0] < 300_000, held


@pytest.mark.alone
def test_decorated_calls_are_not_slower_without_a_collector(agent: Collector):
    """One bot's Collector answers, the other's does not; both make the same calls, in turns."""
    with bot(agent.http, timeout=2 * MINUTE) as served, bot(f"http://127.0.0.1:{free_port()}") as alone:
        traders = {"served": Trader(served), "alone": Trader(alone)}
        seconds = {name: [] for name in traders}
        for _ in range(150):
            for name, trader in traders.items():
                begun = time.perf_counter()
                trader.trade(300)
                seconds[name].append(time.perf_counter() - begun)
        wait_until(lambda: failed_exports(alone) >= 1, "failed export")
        assert failed_exports(served) == 0
    assert statistics.median(seconds["alone"]) < 2 * statistics.median(seconds["served"])


def test_an_agent_keeps_on_disk_what_it_accepted_through_an_outage_of_the_gateway_and_its_own_death(tmp_path):
    """The bot has ended and the agent was killed before the gateway is there: the store has every export, in order."""
    gateway_port, told = free_port(), []
    with prometheus(tmp_path) as store:
        with collecting(
            tmp_path / "agent", "agent.yaml", extra=IMPATIENT, GPT_TRADER_GATEWAY=f"127.0.0.1:{gateway_port}"
        ) as agent:
            with bot(agent.http, interval=3600, timeout=10) as telemetry:
                trader = Trader(telemetry)
                for _minute in range(10):
                    trader.trade(10)
                    assert telemetry.flush(10) is Delivery.DELIVERED
                    told.append(trader.ledger["success"])
                trader.trade(10)
            told.append(trader.ledger["success"])
            agent.kill()
            agent.start()
            with collecting(
                tmp_path / "gateway",
                "gateway.yaml",
                extra=f'receivers: {{otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:{gateway_port}"}}}}}}}}',
                GPT_TRADER_REMOTE_WRITE=store.remote_write,
            ):
                history = wait_until(lambda: whole(store, len(told)), "all that the agent kept")
    assert history == told


def whole(store, length: int) -> list[float] | None:
    """Return the stored samples of the orders that went well, once there are so many."""
    series = store.query(f'{SUBMISSIONS}{{result="success",reason="none",side="buy"}}[10m]')
    samples = [float(value) for _, value in series[0]["values"]] if series else []
    return samples if len(samples) >= length else None


def test_a_queue_that_is_full_refuses_and_says_so(tmp_path):
    """What does not fit on disk is not acknowledged: the bot knows, and Prometheus still sees it."""
    with collecting(
        tmp_path / "agent", "agent.yaml",
        extra="exporters: {otlp_grpc: {sending_queue: {queue_size: 20_000, batch: {min_size: 1_000, max_size: 10_000}}}}",
        GPT_TRADER_GATEWAY=f"127.0.0.1:{free_port()}",
    ) as agent, bot(agent.http, interval=3600, timeout=0.5) as telemetry:  # fmt: skip
        trader = Trader(telemetry)
        trader.trade(10)
        assert telemetry.flush(10) is Delivery.DELIVERED

        def refused() -> bool:
            trader.trade(10)
            return telemetry.flush(10) is Delivery.FAILED

        wait_until(refused, "refusal")
        assert trader.is_told_by(agent.scrape())
        assert "sending queue is full" in agent.log


@pytest.mark.parametrize("store", STORES)
def test_a_batch_that_comes_twice_with_more_behind_it_is_taken_whole(tmp_path, store):
    """An agent that never heard of its success sends again, and what came since with it: nothing of it is refused."""
    one, now = pattern(), time.time_ns()
    exports = [ExportMetricsServiceRequest.FromString(one.of(b"0" * 36, now - age * 10**9)) for age in (20, 10, 0)]

    def batch(*parts: ExportMetricsServiceRequest) -> bytes:
        whole = ExportMetricsServiceRequest()
        for part in parts:
            whole.MergeFrom(part)
        return whole.SerializeToString()

    with (
        STORES[store](tmp_path) as stored,
        collecting(tmp_path / "gateway", "gateway.yaml", GPT_TRADER_REMOTE_WRITE=stored.remote_write) as gateway,
    ):
        for sent in (batch(*exports[:2]), batch(*exports)):
            headers = {"Content-Type": "application/x-protobuf"}
            request = urllib.request.Request(f"{gateway.http}/v1/metrics", sent, headers)
            with urllib.request.urlopen(request, timeout=30) as answer:
                assert answer.status == 200
        stored.show_at_once()
        times = "count_over_time(gpt_trader_trades_executed_total[1m])"
        wait_until(lambda: stored.number(times) == len(exports), "every export once")
