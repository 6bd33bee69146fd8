"""The doctor before servers that answer anything at all: it goes on, in bounds, and its words stay its own."""

import json
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt_trader_telemetry.doctor.examine import examine
from gpt_trader_telemetry.doctor.plan import Plan, Server
from gpt_trader_telemetry.doctor.telling import summary, told
from gpt_trader_telemetry.http.app import Response
from gpt_trader_telemetry.http.health_server import start_health_server
from support.receivers import free_port

AREAS = ["Settings", "Bot", "Files", "Exporter", "Collector", "Prometheus", "Alertmanager"]
PATHS = (
    "/health", "/metrics", "/api/v1/targets", "/api/v1/rules", "/api/v1/alerts", "/api/v1/alertmanagers",
    "/api/v1/query", "/api/v2/status", "/api/v2/silences",
)  # fmt: skip
KEYS = st.sampled_from([
    "status", "reason", "signals", "error", "hint", "data", "activeTargets", "labels", "job", "health", "lastError",
    "scrapeUrl", "groups", "rules", "query", "type", "alerts", "state", "alertname", "activeAlertmanagers", "url",
    "result", "value", "versionInfo", "version", "name",
])  # fmt: skip
WORDS = st.sampled_from(
    ["success", "error", "healthy", "unhealthy", "up", "down", "alerting", "err", "firing", "active"]
)
LEAVES = st.none() | st.booleans() | st.integers() | WORDS | st.text(string.printable + "\x1b\x9b\u202e", max_size=300)
ANSWERS = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6), max_leaves=15
)


@pytest.fixture(scope="module")
def hostile():
    """A server that answers each path with what it is told to."""
    answers: dict[str, bytes] = {}

    def answer(request):
        return Response(200, {"content-type": "application/json"}, answers.get(request.path, b""))

    server = start_health_server(dict.fromkeys(PATHS, answer), host="127.0.0.1", port=0)
    yield Server(server.url, given=True), answers
    server.stop()


@settings(max_examples=40)
@given(said=st.dictionaries(st.sampled_from(PATHS), ANSWERS), success=st.booleans())
def test_whatever_servers_answer_every_area_is_told(hostile, said, success):
    """No answer ends the walk, steers the terminal, or fills it."""
    server, answers = hostile
    answers.clear()
    for path, answer in said.items():
        wrapped = {"status": "success", "data": answer} if success and path.startswith("/api/v1") else answer
        answers[path] = json.dumps(wrapped).encode()
    plan = Plan(
        bot=server, exporter=server, prometheus=server, alertmanager=server, wait=0.001,
        variables={"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}"},
    )  # fmt: skip
    found = list(examine(plan))
    assert list(dict.fromkeys(one.area for one in found)) == AREAS
    shown = [*told(found, width=80, colour=False), summary(found, colour=False)]
    assert all(line.isprintable() for line in shown)
    assert len(shown) < 400


def test_one_area_that_cannot_be_understood_does_not_hide_the_others(hostile):
    """It is a problem of its own, and the walk goes on."""
    server, answers = hostile
    answers.clear()
    answers["/api/v2/status"] = b'{"versionInfo": {"version": 7}}'
    answers["/api/v2/silences"] = b"[1, 2]"
    nobody = Server(f"http://127.0.0.1:{free_port()}")
    found = list(examine(Plan(bot=nobody, exporter=nobody, prometheus=nobody, alertmanager=server)))
    assert found[-1].said == "what is there cannot be understood (AttributeError)"
    assert found[-1].status == "problem"
