"""docs/tracing.md runs as it stands, and its table says what spans are."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from gpt_trader_telemetry.testing.spans import SpanStore

PAGE = (Path(__file__).parents[2] / "docs" / "tracing.md").read_text()


@pytest.mark.parametrize("block", re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL), ids=["bind", "logs"])
def test_its_examples_run(block: str) -> None:
    """Each by itself, without a warning."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", block], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    if "correlate_logs" in block:
        assert done.stderr == "WARNING order refused decision=d-1 trace=\n"


def test_its_table_names_every_span_and_attribute(traced, store: SpanStore) -> None:
    """What runs that failed carry, span by span."""

    class Trip(Exception):
        pass

    def fails() -> None:
        raise Trip

    decorators = {
        "cycle": traced.cycle(),
        "phase {name}": traced.phase("{name}"),
        "guard {name}": traced.guard("{name}"),
        "order_submission": traced.order_submission("buy"),
        "broker_call {operation}": traced.broker_call("{operation}"),
    }
    rows = dict(re.findall(r"^\| `([^`]+)` \| ((?:internal|client) .*) \|$", PAGE, re.MULTILINE))
    assert list(rows) == list(decorators)
    for name, decorate in decorators.items():
        with pytest.raises(Trip):
            decorate(fails)()
        span = store.read().one(name)
        assert rows[name].startswith(span.kind)
        documented = set(re.findall(r"`(gpt_trader\.\w+)`", rows[name]))
        assert set(span.attributes) - {"error.type"} <= documented
        assert documented - set(span.attributes) <= {"gpt_trader.decision_id", "gpt_trader.retries"}
