"""The operator's routing in a real Alertmanager: what is kept back, what is not, and silences as the runbooks print them."""

import json
import re
import shlex
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
import yaml
from operators_programs import Heard, alertmanager_config
from promtool import COLLECTOR, alerting, committed

from support.listening import served
from support.stores import alertmanager_on

pytestmark = pytest.mark.skipif(
    not (shutil.which("prometheus-alertmanager") and shutil.which("amtool")),
    reason="alertmanager is not on this machine (Debian package: prometheus-alertmanager)",
)
RULES = alerting(committed())
RUNBOOKS = COLLECTOR.parent / "docs" / "runbooks.md"
HURRY = 100.0
"""How much shorter Alertmanager's waits are: 10 s for a page are a tenth."""

Labels = Mapping[str, str]


class Manager:
    """A running Alertmanager, given alerts as Prometheus does and silences by its own tool."""

    def __init__(self, url: str, heard: Heard) -> None:
        self.url, self.heard = url, heard

    def tell(self, *alerts: Labels) -> None:
        """Have alerts fire."""
        self._post([{"labels": alert} for alert in alerts])

    def over(self, alert: Labels) -> None:
        """Have an alert be over."""
        self._post([{"labels": alert, "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2020-01-02T00:00:00Z"}])

    def _post(self, alerts: Sequence[Mapping[str, object]]) -> None:
        request = urllib.request.Request(
            f"{self.url}/api/v2/alerts", json.dumps(alerts).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=15) as answer:
            assert answer.status == 200

    def tool(self, *arguments: str) -> str:
        """Run amtool against it."""
        done = subprocess.run(
            ["amtool", f"--alertmanager.url={self.url}", *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def told(self, *awaited: Labels) -> list[Labels]:
        """Return what anybody was notified of, once the awaited were."""
        deadline = time.monotonic() + 15
        while not all(labels in self._heard() for labels in awaited):
            assert time.monotonic() < deadline, self._heard()
            time.sleep(0.05)
        return self._heard()

    def _heard(self) -> list[Labels]:
        return [alert["labels"] for _, _, alert in list(self.heard.alerts) if alert["status"] == "firing"]


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    """Run one on the operator's file."""
    folder, heard = tmp_path, Heard()
    with served(heard.take) as receiver:
        config = alertmanager_config(HURRY, f"http://{receiver}")
        (folder / "alertmanager.yml").write_text(yaml.safe_dump(config))
        with alertmanager_on(folder / "alertmanager.yml", folder) as store:
            yield Manager(store.url, heard)


def fires(name: str, severity: str, **labels: str) -> Labels:
    """Return an alert with the labels that its rule gives it."""
    rule = RULES[name, severity]
    own = {key: value for key, value in rule["labels"].items() if "{{" not in value}
    return {"alertname": name, **own, **labels}


def bot(number: int, job: str) -> dict[str, str]:
    """Return the labels of a target."""
    return {"job": job, "instance": f"bot-{number}:8080"}


def pair(job: str, cause: tuple[str, str], effect: tuple[str, str]) -> tuple[Labels, Labels, Labels]:
    """Return a cause, what it keeps back, and the same of another bot, which it does not."""
    return fires(*cause, **bot(1, job)), fires(*effect, **bot(1, job)), fires(*effect, **bot(2, job))


WARNED, CRITICAL = "warning", "critical"
KEPT_BACK = [
    (("OrdersFailing", CRITICAL), ("OrdersFailing", WARNED)),
    (("BotDown", CRITICAL), ("WebSocketStale", CRITICAL)),
    (("BotDown", CRITICAL), ("StaleMarks", WARNED)),
    (("BotDown", CRITICAL), ("MetricsEndpointDown", CRITICAL)),
    (("WebSocketStale", CRITICAL), ("MarketDataStale", CRITICAL)),
    (("WebSocketStale", CRITICAL), ("MarketDataStale", WARNED)),
    (("WebSocketStale", WARNED), ("MarketDataStale", WARNED)),
    (("CollectorDown", CRITICAL), ("CollectorDown", WARNED)),
    (("CollectorSendFailing", WARNED), ("CollectorRefusing", WARNED)),
]


def test_what_follows_from_another_is_kept_back_and_of_nobody_else(manager: Manager) -> None:
    """Each cause with its effect and the same effect on another bot, all at once: the effect alone is not told."""
    trios = [pair(f"job-{number}", *causal) for number, causal in enumerate(KEPT_BACK)]
    # The causes come first, as they do where an effect takes longer to be believed.
    manager.tell(*(cause for cause, _, _ in trios))
    manager.tell(*(effect for _, *effects in trios for effect in effects))
    told = manager.told(*(cause for cause, _, _ in trios), *(other for *_, other in trios))
    assert [effect for _, effect, _ in trios if effect in told] == []


NOT_KEPT_BACK = [
    (("WebSocketStale", WARNED), ("MarketDataStale", CRITICAL)),
    (("OrdersFailing", WARNED), ("OrdersFailing", CRITICAL)),
    (("OrdersFailing", CRITICAL), ("OrdersRetried", WARNED)),
    (("TargetGone", CRITICAL), ("WebSocketStale", CRITICAL)),
    (("CollectorDown", WARNED), ("BotNotReporting", CRITICAL)),
]


def test_no_page_is_kept_back_by_less(manager: Manager) -> None:
    """A warning keeps back no page, a count of missing targets no alert of those that are there."""
    pairs = [pair(f"more-{number}", *causal)[:2] for number, causal in enumerate(NOT_KEPT_BACK)]
    manager.tell(*(alert for both in pairs for alert in both))
    manager.told(*(effect for _, effect in pairs))


def commands() -> dict[str, Sequence[str]]:
    """Return the silences that the runbooks print, by the alert's name."""
    found = re.findall(r"^\$ amtool (silence add .*)$", RUNBOOKS.read_text(), re.MULTILINE)
    words = [[word for word in shlex.split(text) if "--alertmanager.url" not in word] for text in found]
    return {word.partition("=")[2]: each for each in words for word in each if word.startswith("alertname=")}


@pytest.mark.parametrize("name", ["BotNotReporting", "TargetGone"])
def test_a_silence_for_one_taken_out_does_not_keep_back_the_next(manager: Manager, name: str) -> None:
    """The command as printed: one that is missing is told to nobody, a second one pages, and one of another job."""
    identifier = manager.tool(*commands()[name]).strip()
    assert re.fullmatch(r"[0-9a-f-]{36}", identifier)
    one, two = (fires(name, CRITICAL, job="gpt-trader", missing=str(number)) for number in (1, 2))
    other = fires(name, CRITICAL, job="other", missing="1")
    manager.tell(one, other)
    manager.told(other)
    manager.tell(two)
    assert one not in manager.told(two)
    manager.tool("silence", "expire", identifier)
    manager.told(one)


def test_where_no_collector_answers_that_is_the_one_page(manager: Manager) -> None:
    """Nobody sees the bots then, of whichever job; when one Collector answers again, who is missing is told."""
    dead = fires("CollectorDown", CRITICAL, job="gpt-trader-collector", instance="agent:8888")
    missing = fires("BotNotReporting", CRITICAL, job="bots", missing="2")
    manager.tell(dead)
    manager.told(dead)
    manager.tell(missing)
    time.sleep(0.5)
    assert missing not in manager.told(dead)
    manager.over(dead)
    manager.told(missing)


def test_the_watchdog_is_heard_again_and_again_by_its_own_receiver(manager: Manager) -> None:
    """So that somebody elsewhere misses it when Prometheus or Alertmanager is dead; it wakes nobody here."""
    (rule,) = yaml.safe_load((COLLECTOR / "rules" / "watchdog.yml").read_text())["groups"][0]["rules"]
    assert rule["expr"] == "vector(1)"
    watchdog = {"alertname": rule["alert"], **rule["labels"]}
    manager.tell(watchdog)
    manager.told(watchdog)
    heard = len(manager.heard.alerts)
    deadline = time.monotonic() + 15
    while len(manager.heard.alerts) < heard + 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert {channel for channel, *_ in manager.heard.alerts} == {"alive"}


def test_every_rule_of_keeping_back_is_tried() -> None:
    """As many as there are in the file, each named by a cause of these tests."""
    rules = yaml.safe_load((COLLECTOR / "alertmanager.yml").read_text())["inhibit_rules"]
    causes = {name for (name, _), _ in KEPT_BACK}
    named = [re.findall(r'alertname = "(\w+)"', " ".join(rule["source_matchers"])) for rule in rules]
    assert {name for names in named for name in names} <= causes
    assert len(rules) == 6
    assert Path(RUNBOOKS).is_file()
