"""A FastAPI service that trades: our metrics go through its own MeterProvider, the bot's health is under /bot.

uv run examples/fastapi_service.py    # http://127.0.0.1:8000/bot/ for people, /bot/health, /bot/metrics, /docs
PORT=9000 uv run examples/fastapi_service.py    # and with OTEL_EXPORTER_OTLP_ENDPOINT set, its provider pushes it all
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from pydantic import BaseModel

from gpt_trader_telemetry import Rejected, Settings, broker_call, configure, order_submission


class Order(BaseModel):
    """What is posted to /orders."""

    side: Literal["buy", "sell"]
    quantity: float


def refusal(answer: dict[str, Any]) -> Rejected | None:
    """Judge an answer: this broker says no without raising, to the call and so to the order."""
    return None if answer["accepted"] else Rejected("insufficient_funds")


@order_submission(side_of=lambda order: order.side, classify=refusal)
@broker_call("submit", classify=refusal)
async def submit(order: Order) -> dict[str, Any]:
    """Stand in for a broker's client."""
    await asyncio.sleep(0.001)
    return {"accepted": order.quantity <= 100}


@asynccontextmanager
async def lifespan(service: FastAPI) -> AsyncIterator[None]:
    """Begin and end with the worker process: what is made before it, workers that are forked would share."""
    # The time-out bounds the end of the service, too, where nobody answers.
    pushing = bool(os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"))
    readers = [PeriodicExportingMetricReader(OTLPMetricExporter(timeout=2))] if pushing else []
    provider = MeterProvider(readers, Resource.create({"service.name": "order-service"}))
    # Settings without an OTLP endpoint: the provider is the service's, and so is the export.
    telemetry = configure(settings=Settings(metrics_endpoint_enabled=True), meter_provider=provider)
    # The service's own instruments come second: /bot/metrics shows what is recorded from configure() on.
    service.state.requests = provider.get_meter("order-service").create_counter("order_service_requests")
    telemetry.health.register("broker", lambda: True, severity="critical", interval=10)
    telemetry.health.mark_ready()
    service.mount("/bot", telemetry.asgi_app())
    try:
        yield
    finally:  # ours first, since the provider ends for both. They wait, so they do so beside the loop.
        await asyncio.to_thread(telemetry.shutdown, 2)
        await asyncio.to_thread(provider.shutdown, 2000)


def make_service() -> FastAPI:
    """Return the service; nothing is opened before its server starts it."""
    service = FastAPI(lifespan=lifespan)

    @service.post("/orders")
    async def post_order(order: Order) -> JSONResponse:
        service.state.requests.add(1, {"side": order.side})
        answer = await submit(order)
        return JSONResponse(answer, 200 if answer["accepted"] else 422)

    return service


if __name__ == "__main__":
    uvicorn.run(make_service(), host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
