"""The operator's files are what Prometheus takes."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

COLLECTOR = Path(__file__).parents[2] / "collector"


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not on this machine")
@pytest.mark.parametrize("name", ["prometheus.yml", "prometheus-behind-gateway.yml", "compose/prometheus.yml"])
def test_prometheus_takes_the_configuration_and_its_rules(name: str) -> None:
    """`promtool check config` follows the rule files and finds the playbook's four rules, the generated ones and the watchdog."""
    done = subprocess.run(
        ["promtool", "check", "config", str(COLLECTOR / name)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    watchdog, playbook, generated = sorted(int(number) for number in re.findall(r"(\d+) rules found", done.stdout))
    assert (watchdog, playbook) == (1, 4)
    assert generated > 40
