"""The instrumentor: put in and taken out without a trace, before or after the library is imported."""

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from types import FunctionType

from coinbase.rest import RESTClient, orders, rest_base
from coinbase.websocket.websocket_base import WSBase
from coinbase_playing import client_of
from reading import broker_calls
from reading import orders as submissions

from gpt_trader_telemetry.integrations.coinbase.instrumentor import CoinbaseInstrumentor

EXAMPLES = Path(__file__).parents[3] / "examples"
OWNERS = (RESTClient, rest_base.RESTBase, rest_base, orders, WSBase)
BUY = {"client_order_id": "", "product_id": "BTC-USD", "base_size": "0.01"}


def attributes() -> list[dict]:
    """Return everything that could be patched."""
    return [{name: value for name, value in vars(owner).items() if isinstance(value, FunctionType)} for owner in OWNERS]


def test_everything_is_given_back(telemetry):
    """The very same functions stand where they stood, as often as it is put in and taken out."""
    before = attributes()
    for _ in range(2):
        CoinbaseInstrumentor().instrument(telemetry=telemetry)
        assert attributes() != before
        CoinbaseInstrumentor().uninstrument()
        assert all(now[name] is then[name] for now, then in zip(attributes(), before, strict=True) for name in then)
        assert attributes() == before


def test_methods_keep_their_names_and_signatures(instrumented):
    """Tools that look at the client see what they saw."""
    import inspect

    assert RESTClient.create_order.__name__ == "create_order"
    assert list(inspect.signature(RESTClient.create_order).parameters)[:5] == [
        "self", "client_order_id", "product_id", "side", "order_configuration",
    ]  # fmt: skip
    assert "Create Order" in RESTClient.create_order.__doc__
    assert inspect.iscoroutinefunction(WSBase.open_async)


def test_what_the_bot_took_hold_of_records_nothing_afterwards(exchange, telemetry):
    """And goes on working."""
    CoinbaseInstrumentor().instrument(telemetry=telemetry)
    with client_of(exchange) as client:
        held = [client.market_order_buy, client.create_order, client.post]
        CoinbaseInstrumentor().uninstrument()
        assert held[0](**BUY).success
        assert held[1]("", "BTC-USD", "BUY", {"market_market_ioc": {"base_size": "0.01"}}).success
        assert held[2]("/api/v3/brokerage/orders/batch_cancel", data={"order_ids": []}) == {"results": []}
    assert submissions(telemetry) == broker_calls(telemetry) == {}


def test_what_others_patched_since_stays_theirs(telemetry, monkeypatch):
    """Another tool's wrapper is not thrown away with ours."""
    CoinbaseInstrumentor().instrument(telemetry=telemetry)
    ours = rest_base.RESTBase.send_request

    def theirs(*args: object, **kwargs: object) -> object:
        return ours(*args, **kwargs)

    monkeypatch.setattr(rest_base.RESTBase, "send_request", theirs)
    CoinbaseInstrumentor().uninstrument()
    assert rest_base.RESTBase.send_request is theirs
    monkeypatch.setattr(rest_base.RESTBase, "send_request", ours.__wrapped__.__wrapped__)


def test_the_entry_point_leads_to_it():
    """``opentelemetry-instrument`` finds it, and the installed library is one that it knows."""
    (found,) = entry_points(group="opentelemetry_instrumentor", name="coinbase")
    assert found.load() is CoinbaseInstrumentor
    assert CoinbaseInstrumentor()._check_dependency_conflicts() is None


BEFORE_THE_IMPORT = f"""
import sys
sys.path[:0] = [{str(EXAMPLES)!r}]
from gpt_trader_telemetry import Settings, Telemetry
from gpt_trader_telemetry.integrations.coinbase.instrumentor import CoinbaseInstrumentor

telemetry = Telemetry(Settings())
CoinbaseInstrumentor().instrument(telemetry=telemetry)
assert not any(name.partition(".")[0] in {{"coinbase", "requests", "websockets"}} for name in sys.modules), "imported by us"

from coinbase.rest import RESTClient
from exchanges.coinbase import coinbase_exchange
from exchanges.loopback import over_loopback

with coinbase_exchange() as exchange:
    client = RESTClient(exchange.key.name, exchange.key.secret, base_url=exchange.host)
    over_loopback(client.session)
    client.market_order_buy("", "BTC-USD", base_size="0.01")
    CoinbaseInstrumentor().uninstrument()
    client.market_order_buy("", "BTC-USD", base_size="0.01")
counted = [line for line in telemetry.metrics_text().splitlines() if "order_submission_total" in line and line.endswith(" 1")]
assert len(counted) == 1 and 'result="success",reason="none",side="buy"' in counted[0], counted
telemetry.shutdown()
print("as it should be")
"""


def test_instrumented_before_the_library_is_imported():
    """It is imported by the bot alone; then it is patched, and given back as if it had been there before."""
    ran = subprocess.run(
        [sys.executable, "-c", BEFORE_THE_IMPORT], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.stdout == "as it should be\n", ran.stderr


def test_an_unknown_version_of_the_library_goes_on_working(exchange, telemetry, monkeypatch, caplog):
    """Where what is to be patched is not there, the log says so once, and the bot's import and orders do not fail."""
    with monkeypatch.context() as patched, client_of(exchange) as client:
        patched.delattr(orders, "close_position")
        CoinbaseInstrumentor().instrument(telemetry=telemetry)
        assert client.market_order_buy(**BUY).success
        CoinbaseInstrumentor().uninstrument()
    ours = [record.getMessage() for record in caplog.records if record.name == "gpt_trader_telemetry"]
    said = "coinbase.rest cannot be instrumented, so its calls are not recorded; its version may be unknown here"
    assert ours == [said]
