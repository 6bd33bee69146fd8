"""A replay's result for a terminal of 80 columns."""

from typing import Final

from gpt_trader_telemetry.replay.result import DOWN, Change, ReplayResult, SignalSummary, iso
from gpt_trader_telemetry.thresholds import SIGNALS, UNITS

WIDTH: Final = 80
_UNITS: Final = {"ratio": "", "count": "", "s": " s", "ms": " ms"}
_WHY: Final = {
    "not_in_the_log": "the log does not tell it",
    "too_few_samples": "too few orders or calls in the window to judge",
    "nothing_decorated": "no order in the log yet",
    "no_value": "no price and no reconnect in the log yet",
}


def as_text(result: ReplayResult) -> str:
    """Return the result as text; each line ends with a line break."""
    lines = [
        "=" * WIDTH,
        f"Replay of {result.profile}",
        f"{_time(result.start)} to {_time(result.end)} UTC; {result.events:,} events, {result.starts:,} starts",
        f"judged every {result.step:g} s over a window of {result.thresholds.window_seconds:g} s",
        "=" * WIDTH,
        "",
        "When signals would have alarmed",
        "-" * WIDTH,
    ]
    lines += [_change(change) for change in result.changes] or ["  never"]
    if result.omitted:
        lines.append(f"  and {result.omitted:,} more")
    lines += ["", "Time in each state", "-" * WIDTH]
    lines.append(f"  {'':<30}{'OK':>8}{'WARN':>9}{'CRIT':>9}{'unknown':>9}{'warned':>7}{'crit.':>6}")
    for name in SIGNALS:
        lines += _summary(result, result.summaries[name])
    down = max(summary.seconds[DOWN] for summary in result.summaries.values())
    if down:
        lines += ["", f"The bot was not running for {_span(down)}, which counts in no state."]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _change(change: Change) -> str:
    line = f"  {_time(change.at)}  {change.signal:<29} {change.word}"
    if change.value is None or change.threshold is None:
        return line
    sign = ">" if change.value > change.threshold else "<="
    unit = UNITS[change.signal]
    return f"{line}: {_number(change.value, unit)} {sign} {_number(change.threshold, unit)}"


def _summary(result: ReplayResult, summary: SignalSummary) -> list[str]:
    seconds, unit = summary.seconds, UNITS[summary.signal]
    spans = (_span(seconds[state]) for state in ("OK", "WARN", "CRIT", "UNKNOWN"))
    ok, warn, crit, unknown = spans
    limits = result.thresholds.limits(summary.signal)
    more = f"warn > {_number(limits.warn, unit)}, critical > {_number(limits.crit, unit)}"
    if summary.highest is not None and summary.highest_at is not None:
        more += f"; highest {_number(summary.highest, unit)} at {_time(summary.highest_at)}"
    lines = [
        f"  {summary.signal:<30}{ok:>8}{warn:>9}{crit:>9}{unknown:>9}{summary.warned:>7,}{summary.went_critical:>6,}",
        f"    {more}",
    ]
    if summary.highest is None and summary.why_unknown:
        lines.append(f"    unknown: {_WHY.get(summary.why_unknown, summary.why_unknown)}")
    return lines


def _number(value: float, unit: str) -> str:
    if unit == "ratio":
        return f"{100 * value:.4g} %"
    return f"{value:.6g}{_UNITS[unit]}"


def _span(seconds: float) -> str:
    """Spell how long.

    >>> _span(0), _span(45), _span(3700), _span(90_000)
    ('-', '45s', '1h 1m', '1d 1h')
    """
    if seconds < 1:
        return "-"
    whole = round(seconds)
    for large, small, size, part in (("d", "h", 86_400, 3600), ("h", "m", 3600, 60), ("m", "s", 60, 1)):
        if whole >= size:
            return f"{whole // size}{large} {whole % size // part}{small}"
    return f"{whole}s"


def _time(at: float) -> str:
    return iso(at)[:19].replace("T", " ")
