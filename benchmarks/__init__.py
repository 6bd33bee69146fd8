"""What recording, scraping and exporting cost, beside the peers, in one run: ``uv run python -m benchmarks``.

Each subject (calls, coroutines, contention, scrape, memory, otlp, imports) runs in a fresh interpreter, so that
the heap of one does not slow another. Within a subject the variants take turns, round after round; what is
compared are the ratios of one round, of which the median and the quartiles are shown. Time is that of the
processor wherever nothing but our own code is timed, so that other programs on the machine disturb less.

After each subject its counters are read back: had one measurement been lost, or had a peer recorded something
else than we do, the run would fail. How fast anything was never does.
"""
