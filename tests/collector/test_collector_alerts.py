"""What the alert rules read of a Collector is there on a real one, where a real Prometheus scrapes it."""

import re
import shutil

import pytest

from gpt_trader_telemetry import Delivery, Settings, Telemetry
from gpt_trader_telemetry.doctor.finding import Finding
from gpt_trader_telemetry.doctor.plan import Plan, Server
from gpt_trader_telemetry.doctor.prometheus import examine_prometheus
from gpt_trader_telemetry.rules.alerts import alerts
from gpt_trader_telemetry.rules.collectors import COLLECTOR_JOBS
from gpt_trader_telemetry.rules.dashboard_fleet import fleet_rows
from gpt_trader_telemetry.rules.site import Site
from gpt_trader_telemetry.thresholds import Thresholds
from support.collector import FILES, Collector, collecting
from support.receivers import free_port
from support.stores import Store, prometheus_scraping, wait_until

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="prometheus is not on this machine (Debian package: prometheus)"
)
ALERTS = {f"{alert.name} {alert.severity}": alert for alert in alerts(Site()) if alert.name.startswith("Collector")}
SHOWN = [
    query.expression for row in fleet_rows(Thresholds()) if row.title == "Collectors"
    for panel in row.panels for query in panel.queries
]  # fmt: skip
"""What the dashboard asks of Collectors."""


def scraping(folder, **collectors: Collector):
    """Run a Prometheus with the operator's rules on what Collectors tell of themselves."""
    jobs = {job.replace("_", "-"): f"127.0.0.1:{one.ports['own']}" for job, one in collectors.items()}
    return prometheus_scraping(folder, FILES / "rules" / "generated.yml", jobs)


def fires(store: Store, name: str, severity: str = "warning") -> list[dict]:
    """Return where an alert's expression has a result, with what it looks back over shortened to the test."""
    return store.query(ALERTS[f"{name} {severity}"].expr.replace("[5m]", "[30s]"))


def doctor_says(store: Store) -> Finding:
    """Return what the doctor says of the Collectors that this Prometheus scrapes."""
    plan = Plan(bot=Server("http://127.0.0.1:1"), prometheus=Server(store.url, given=True), timeout=10.0)
    return next(one for one in examine_prometheus(plan) if one.name == "collectors")


def send(endpoint: str, times: int) -> list[Delivery]:
    """Send some exports."""
    with Telemetry(Settings(otlp_endpoint=endpoint, otlp_timeout=0.5)) as telemetry:
        telemetry.record_gauge("gpt_trader_open_orders", 3)
        return [telemetry.flush(10) for _ in range(times)]


def test_a_gateway_without_its_backend_and_an_agent_with_a_full_queue_are_told(tmp_path):
    """Both real, both refusing: each alert about delivery has something to say of the one that it is about."""
    nowhere = f"http://127.0.0.1:{free_port()}/api/v1/write"
    small = "exporters: {otlp_grpc: {sending_queue: {queue_size: 20_000, batch: {min_size: 1_000, max_size: 10_000}}}}"
    with (
        collecting(tmp_path / "gateway", "gateway.yaml", GPT_TRADER_REMOTE_WRITE=nowhere) as gateway,
        collecting(
            tmp_path / "agent", "agent.yaml", extra=small, GPT_TRADER_GATEWAY=f"127.0.0.1:{free_port()}"
        ) as agent,
        scraping(tmp_path, gpt_trader_gateway=gateway, gpt_trader_collector=agent) as store,
    ):

        def told(name: str) -> set[str]:
            assert Delivery.FAILED in [*send(gateway.http, 2), *send(agent.http, 2)]
            return {found["metric"]["job"] for found in fires(store, name)}

        by_both = set(COLLECTOR_JOBS)
        assert wait_until(lambda: told("CollectorRefusing") == by_both, "refusals of both")
        assert wait_until(lambda: told("CollectorSendFailing") == {"gpt-trader-gateway"}, "the gateway's failures")
        assert wait_until(lambda: told("CollectorQueueFilling") == {"gpt-trader-collector"}, "the agent's queue")
        assert wait_until(lambda: told("CollectorQueueStuck") == {"gpt-trader-collector"}, "what waits there")
        assert {found["metric"]["job"] for found in store.query("gpt_trader:collector:up == 1")} == by_both
        finding = doctor_says(store)
        assert finding.status == "problem"
        for words in ("fails to hand on", "refuses what it is sent", "more than half full"):
            assert words in finding.said
        assert len(SHOWN) > 4
        assert [query for query in SHOWN if not store.query(query.replace("$__rate_interval", "30s"))] == []


def test_collectors_that_are_well_raise_nothing(tmp_path):
    """An agent that forwards to a gateway that writes to a store: every expression is empty, though its series are there."""
    from support.stores import prometheus

    with (
        prometheus(tmp_path) as behind,
        collecting(tmp_path / "gateway", "gateway.yaml", GPT_TRADER_REMOTE_WRITE=behind.remote_write) as gateway,
        collecting(tmp_path / "agent", "agent.yaml", GPT_TRADER_GATEWAY=f"127.0.0.1:{gateway.ports['grpc']}") as agent,
    ):
        (tmp_path / "own").mkdir()
        with scraping(tmp_path / "own", gpt_trader_gateway=gateway, gpt_trader_collector=agent) as store:
            for _ in range(3):
                assert set(send(agent.http, 2)) == {Delivery.DELIVERED}
            wait_until(
                lambda: store.number('sum(otelcol_exporter_sent_metric_points{exporter="prometheus_remote_write"})'),
                "points at the store",
            )
            wait_until(lambda: not fires(store, "CollectorQueueStuck"), "an empty queue")
            wait_until(lambda: len(store.query("gpt_trader:collector:up == 1")) == 2, "both, as the rules know them")
            assert (doctor_says(store).status, doctor_says(store).said[:9]) == ("ok", "2 answer,")
            assert {name: fires(store, *name.split()) for name in ALERTS} == {name: [] for name in ALERTS}
            named = set(re.findall(r"otelcol_\w+", " ".join(alert.expr for alert in ALERTS.values())))
            assert {name for name in named if not store.query(name)} <= {"otelcol_exporter_send_failed_metric_points"}


def test_a_collector_that_ends_is_down_by_the_name_of_its_service(tmp_path):
    """Under any job, since it told who it is; and starts of it can be told from each other."""
    with collecting(tmp_path / "agent", "agent.yaml", "agent-scrape-only.yaml") as agent:
        with scraping(tmp_path, something_else=agent) as store:
            wait_until(lambda: store.query("gpt_trader:collector:up == 1"), "the Collector")
            for starts in (2, 3):
                agent.end()
                wait_until(lambda: fires(store, "CollectorDown"), "its end")
                agent.start()
                count = f'count(last_over_time(target_info{{service_name="gpt-trader-collector"}}[15m])) == {starts}'
                wait_until(lambda count=count: store.query(count), "another life")
