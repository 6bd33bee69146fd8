"""Log records name the trace, the decision and the order that they belong to, whatever logs them."""

import io
import json
import logging

import pytest
import structlog
from opentelemetry.trace import NonRecordingSpan, use_span

from gpt_trader_telemetry import bind
from gpt_trader_telemetry.logs import FIELDS, CorrelationFilter, add_correlation, correlate_logs

FORMAT = "%(message)s|" + "|".join(f"%({name})s" for name in FIELDS)


@pytest.fixture
def written():
    """What a logger of the bot's writes, through a handler of its parent's."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(logging.Formatter(FORMAT))
    parent = logging.getLogger("bot")
    parent.addHandler(handler)
    parent.propagate = False
    correlate_logs(handler)
    correlate_logs(handler)
    assert len(handler.filters) == 1
    yield lambda: text.getvalue().splitlines()
    parent.removeHandler(handler)


def test_records_carry_the_ids_of_the_span_and_what_is_bound(traced, store, written) -> None:
    """Inside they are those of the run, outside they are empty, and an ``extra`` of the bot's own wins."""
    logger = logging.getLogger("bot.orders")
    logger.warning("before")
    with bind(decision_id="d-1", cycle=7, symbol="BTC-USD", order_id="42"), traced.cycle():
        logger.warning("inside")
        logger.warning("own", extra={"symbol": "ETH-USD"})
    cycle = store.read().one("cycle")
    ids = f"{cycle.trace_id}|{cycle.span_id}|d-1|7"
    assert written() == ["before||||||", f"inside|{ids}|BTC-USD|42", f"own|{ids}|ETH-USD|42"]


def test_structlog_has_them_too(traced, store) -> None:
    """As fields that are there only where they are known; what the bot names itself wins."""
    text = io.StringIO()
    logger = structlog.wrap_logger(
        structlog.PrintLogger(text), processors=[add_correlation, structlog.processors.JSONRenderer()]
    )
    with bind(decision_id="d-1", symbol="BTC-USD"), traced.cycle():
        logger.info("bought", symbol="ETH-USD")
    logger.info("after")
    cycle = store.read().one("cycle")
    assert [json.loads(line) for line in text.getvalue().splitlines()] == [
        {"event": "bought", "decision_id": "d-1", "symbol": "ETH-USD", "trace_id": cycle.trace_id,
         "span_id": cycle.span_id},
        {"event": "after"},
    ]  # fmt: skip


def test_without_a_telemetry_what_is_bound_is_logged_all_the_same(written) -> None:
    """Binding is of this package, not of a tracer."""
    with bind(decision_id="d-1"):
        logging.getLogger("bot").warning("x")
    assert written() == ["x|||d-1|||"]


def test_somebody_elses_broken_span_lets_the_record_pass(written) -> None:
    """Logging is the bot's; nothing of this raises into it."""

    class Broken(NonRecordingSpan):
        def get_span_context(self):
            raise OSError

    with use_span(Broken(None)):
        logging.getLogger("bot").warning("x")
        assert add_correlation(None, "info", {"event": "x"}) == {"event": "x"}
    assert written() == ["x||||||"]


def test_dictconfig_finds_it() -> None:
    """As it is configured in files."""
    import logging.config

    logging.config.dictConfig({
        "version": 1, "disable_existing_loggers": False,
        "filters": {"ids": {"()": "gpt_trader_telemetry.logs.CorrelationFilter"}},
        "handlers": {"out": {"class": "logging.NullHandler", "filters": ["ids"]}},
        "loggers": {"configured": {"handlers": ["out"]}},
    })  # fmt: skip
    (handler,) = logging.getLogger("configured").handlers
    assert isinstance(handler.filters[0], CorrelationFilter)
