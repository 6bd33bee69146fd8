"""``exporter``: serves what a bot leaves on disk as metrics, from a process of its own."""

import argparse
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

from gpt_trader_telemetry.cli.ending import few_collections
from gpt_trader_telemetry.cli.moments import moment
from gpt_trader_telemetry.errors import ConfigurationError
from gpt_trader_telemetry.exporter.service import Exporter, Options
from gpt_trader_telemetry.runtime_data.paths import ProfilePaths
from gpt_trader_telemetry.settings import Settings

__all__ = ["add_arguments", "run"]

_USAGE: Final = 2
_MAX_PORT: Final = 65535


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the exporter takes."""
    parser.description = (
        "Follow what a bot leaves in runtime_data/<profile>/ and serve it: /metrics for Prometheus, /metrics.json, "
        "/health, /live and /ready. The files need not exist yet, and are never written to."
    )
    parser.epilog = _EPILOG
    parser.add_argument(
        "--profile", action="append", required=True, metavar="NAME", help="whose files to follow; may be given again"
    )
    parser.add_argument(
        "--runtime-root", type=Path, default=Path(), metavar="DIR", help="holds runtime_data (default: here)"
    )
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=9000, help="0 takes a free one (default: %(default)s)")
    for option, what in (("metrics-file", "metrics.json"), ("events-db", "events.db"), ("events-file", "events.jsonl")):
        parser.add_argument(
            f"--{option}", type=Path, metavar="FILE", help=f"the profile's {what}, where it is elsewhere"
        )
    parser.add_argument(
        "--cursor-file", type=Path, metavar="FILE", help="remember here how far was read, for the next start"
    )
    parser.add_argument("--token-file", metavar="FILE", help="the bearer token that all but /live and /ready need")
    parser.add_argument("--tls-certificate", metavar="FILE", help="PEM; serve TLS only")
    parser.add_argument("--tls-key", metavar="FILE", help="PEM, where the certificate's file does not hold the key")
    parser.add_argument("--now", type=moment, metavar="ISO", help="compute ages as of this moment, for tests")


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code."""
    try:
        settings = Settings.from_env(service_name="gpt-trader-exporter")
        profiles = _profiles(arguments)
        options = Options(
            host=arguments.host,
            port=arguments.port,
            cursor_file=arguments.cursor_file,
            token_file=arguments.token_file or settings.health_token_file,
            tls_certificate=arguments.tls_certificate or settings.health_tls_certificate,
            tls_key=arguments.tls_key or (None if arguments.tls_certificate else settings.health_tls_key),
        )
        with few_collections(), _until_signalled() as signalled:
            exporter = Exporter(profiles, settings=settings, options=options, tell=_tell, clock=_clock(arguments.now))
            _tell(f"listening on {exporter.server.url}, paths: {', '.join(sorted(exporter.routes()))}")
            signalled.wait()
            delivery = exporter.close()
    except ConfigurationError as error:
        _tell(f"cannot start: {error}")
        return _USAGE
    if not delivery:
        _tell(f"stopped; the last export over OTLP was not delivered ({delivery.value.replace('_', ' ')})")
    return 0


_EPILOG: Final = """\
environment:
  COINBASE_TRADER_METRIC_PREFIX      what names begin with (coinbase_trader)
  OTEL_EXPORTER_OTLP_ENDPOINT        send the same series there over OTLP, too
  GPT_TRADER_HEALTH_TOKEN_FILE       as --token-file, which wins
  GPT_TRADER_HEALTH_TLS_CERTIFICATE  as --tls-certificate, which wins
  GPT_TRADER_HEALTH_TLS_KEY          as --tls-key, which wins

exit codes:
  0  stopped by SIGTERM or SIGINT
  2  asked wrongly: arguments, environment, a port that is taken

examples:
  gpt-trader-telemetry exporter --profile prod --runtime-root /srv/bot
  gpt-trader-telemetry exporter --profile prod --runtime-root /srv/bot \\
    --cursor-file /var/lib/exporter/cursor.json
"""


def _profiles(arguments: argparse.Namespace) -> list[ProfilePaths]:
    elsewhere = {
        "metrics_json": arguments.metrics_file,
        "events_db": arguments.events_db,
        "events_jsonl": arguments.events_file,
    }
    if len(arguments.profile) > 1 and any(elsewhere.values()):
        raise ConfigurationError("--metrics-file, --events-db and --events-file are for one --profile")
    cursor = arguments.cursor_file
    if cursor is not None and not cursor.absolute().parent.is_dir():
        raise ConfigurationError(f"--cursor-file {cursor}: there is no folder {cursor.absolute().parent}")
    return [ProfilePaths.of(arguments.runtime_root, name).with_files(**elsewhere) for name in arguments.profile]


def _clock(now: float | None) -> Callable[[], float]:
    return time.time if now is None else lambda: now


@contextmanager
def _until_signalled() -> Iterator[threading.Event]:
    signalled = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        signalled.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield signalled
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell(line: str) -> None:
    sys.stderr.write(f"exporter: {line}\n")
    sys.stderr.flush()


def _port(text: str) -> int:
    port = int(text) if text.isascii() and text.isdecimal() else -1
    if not 0 <= port <= _MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; give a number from 0 to {_MAX_PORT}")
    return port
