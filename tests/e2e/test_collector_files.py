"""The operator's files are what Prometheus takes."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

COLLECTOR = Path(__file__).parents[2] / "collector"


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not on this machine")
def test_prometheus_takes_the_configuration_and_its_rules() -> None:
    """`promtool check config` follows the rule files and finds the playbook's four rules, and the generated ones."""
    done = subprocess.run(
        ["promtool", "check", "config", str(COLLECTOR / "prometheus.yml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(int(number) for number in re.findall(r"(\d+) rules found", done.stdout)) == [4, 39]
