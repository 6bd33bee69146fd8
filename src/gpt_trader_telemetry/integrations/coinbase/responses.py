"""What only the response of an HTTP attempt tells: how much of the rate limit is used, and retries below the client."""

import functools
from collections.abc import Callable
from time import perf_counter
from typing import Any

from gpt_trader_telemetry.catalog import API_REQUESTS, API_RETRIES
from gpt_trader_telemetry.integrations.attempts import category_of
from gpt_trader_telemetry.integrations.client import COMPONENT, Client
from gpt_trader_telemetry.integrations.error_rate import ErrorRate
from gpt_trader_telemetry.interrupts import INTERRUPTS
from gpt_trader_telemetry.reasons import reason_of
from gpt_trader_telemetry.reasons.words import reason_of_status
from gpt_trader_telemetry.recording.recorder import Recorder


class Responses:
    """Reads every response before the client does."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def watching(self, handle: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Return what the client checks a response with, reading it first."""

        @functools.wraps(handle)
        def watched(response: Any) -> Any:
            recorder = self._client.recorder
            if recorder is not None:
                try:
                    self._client.note_answer(response.headers)
                    _note_retries(recorder, response)
                except INTERRUPTS:
                    raise
                except BaseException as fault:
                    recorder.faults.note(COMPONENT, "a response could not be read", fault)
            return handle(response)

        return watched


def _note_retries(recorder: Recorder, response: Any) -> None:
    """Count what an adapter that the bot mounted tried before this response came."""
    for tried in getattr(getattr(response.raw, "retries", None), "history", ()):
        failed = reason_of(tried.error) if tried.error is not None else reason_of_status(tried.status) or "error"
        category = category_of(response.url.partition("?")[0])
        recorder.events((API_REQUESTS, (("category", category), ("result", "error"))))(1)
        recorder.events((API_RETRIES, (("category", category), ("reason", failed))))(1)
        ErrorRate.of(recorder).note((perf_counter(), True))
