"""The Kubernetes example's ServiceMonitor against the model of the Prometheus operator, which takes seconds to load."""

import pytest
import yaml

from support.collector import FILES

pytestmark = pytest.mark.soak


def test_the_prometheus_operator_takes_the_service_monitor() -> None:
    """Every field is one of the operator's model, and comes out of it as it went in."""
    operator = pytest.importorskip("cloudcoil.models.prometheus_operator.v1")
    text = (FILES / "kubernetes" / "paper-bot.yaml").read_text()
    (given,) = [item for item in yaml.safe_load_all(text) if item["kind"] == "ServiceMonitor"]
    read = operator.ServiceMonitor.model_validate(given)
    assert read.model_dump(mode="json", by_alias=True, exclude_unset=True) == given
