"""The subjects, each of which runs in a fresh interpreter."""

import importlib
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from typing import Final

from benchmarks.harness import Row

SUBJECTS: Final = (
    "calls",
    "coroutines",
    "clients",
    "traces",
    "contention",
    "scrape",
    "memory",
    "otlp",
    "exporter",
    "imports",
    "report",
)


def measured(subject: str, *, quick: bool) -> list[Row]:
    """Measure a subject in an interpreter of its own, where no other subject has left a heap behind."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_run, subject, quick=quick).result()


def _run(subject: str, *, quick: bool) -> list[Row]:
    rows: list[Row] = importlib.import_module(f"benchmarks.{subject}").run(quick=quick)
    return rows
