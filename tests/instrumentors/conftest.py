"""An instrumentor that is registered as this distribution's own are, for a library of the test's."""

import importlib
import sys
from pathlib import Path

import pytest

INSTRUMENTOR = '''
import wrapt
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor


class Instrumentor(BaseInstrumentor):
    """Decorates ``test_broker.submit`` when that is imported."""

    def instrumentation_dependencies(self):
        return ["a-library-that-is-not-there >= 1"]

    def _instrument(self, **kwargs):
        from gpt_trader_telemetry import broker_call

        def patch(module):
            module.submit = broker_call("submit")(module.submit)

        wrapt.when_imported("test_broker")(patch)

    def _uninstrument(self, **kwargs):
        pass


class Failing(BaseInstrumentor):
    instrumentation_dependencies = Instrumentor.instrumentation_dependencies
    _uninstrument = Instrumentor._uninstrument

    def _instrument(self, **kwargs):
        raise OSError("no")
'''

BROKER = """
def submit():
    return "accepted"
"""


@pytest.fixture
def registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the library, two instrumentors of it, and the metadata that names them."""
    (tmp_path / "test_instrumentor.py").write_text(INSTRUMENTOR)
    (tmp_path / "test_broker.py").write_text(BROKER)
    metadata = tmp_path / "gpt_trader_telemetry-0.0.1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: gpt_trader_telemetry\nVersion: 0.0.1\n")
    (metadata / "entry_points.txt").write_text(
        "[opentelemetry_instrumentor]\n"
        "test_broker = test_instrumentor:Instrumentor\n"
        "test_failing = test_instrumentor:Failing\n"
        "test_absent = no_such_module:Instrumentor\n"
        "[opentelemetry_distro]\ngpt_trader = gpt_trader_telemetry.distro:Distro\n"
        "[opentelemetry_configurator]\ngpt_trader = gpt_trader_telemetry.distro:Configurator\n"
    )
    other = tmp_path / "somebody-1.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: somebody\nVersion: 1\n")
    (other / "entry_points.txt").write_text("[opentelemetry_instrumentor]\ntheirs = test_instrumentor:Failing\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield tmp_path
    for name in ("test_instrumentor", "test_broker"):
        sys.modules.pop(name, None)
