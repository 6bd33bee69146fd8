"""The rows as text."""

from collections.abc import Sequence

from benchmarks.harness import Row

_WIDTHS = (58, 9, 9, 7, 17, 6, 4)
_HEADINGS = ("", "ours", "peer", "ratio", "quartiles", "goal", "met")

_SCALES = {
    "s": (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9)),
    "B": (("MiB", 2.0**20), ("KiB", 1024.0), ("B", 1.0)),
    "/s": (("M/s", 1e6), ("k/s", 1e3), ("/s", 1.0)),
}


def amount(value: float, unit: str) -> str:
    """Return an amount in the scale that suits it.

    >>> amount(2.5e-7, "s"), amount(3_200_000, "/s")
    ('250 ns', '3.20 M/s')
    """
    scales = _SCALES[unit]
    name, size = next((scale for scale in scales if abs(value) >= scale[1]), scales[-1])
    scaled = value / size
    return f"{scaled:.{2 if abs(scaled) < 10 else 1 if abs(scaled) < 100 else 0}f} {name}"


def ratio_text(ratio: float) -> str:
    """Return a ratio as a person would say it: small ones as one part in so many.

    >>> ratio_text(0.05), ratio_text(0.8), ratio_text(1.52)
    ('1/20', '0.80', '1.52')
    """
    if 0 < ratio < 0.5:
        parts = 1 / ratio
        return f"1/{parts:.0f}" if parts >= 20 or abs(parts - round(parts)) < 0.005 else f"1/{parts:.1f}"
    return f"{ratio:.2f}"


def goal_text(row: Row) -> str:
    """Return a row's goal with its direction."""
    if row.goal is None:
        return ""
    return f"{'≥' if row.at_least else '≤'} {ratio_text(row.goal)}"


def table(rows: Sequence[Row], *, judged: bool = True) -> str:
    """Return the rows as an aligned table, the comparisons of one thing under its name.

    Whether goals are met is told only where ``judged``.
    """
    lines = [_line(_HEADINGS), "-" * len(_line(_HEADINGS))]
    what = ""
    for row in rows:
        if row.what != what:
            what = row.what
            lines.append(what)
        spread = f"{ratio_text(row.low)} .. {ratio_text(row.high)}"
        met = {None: "", True: "yes", False: "NO"}[row.met if judged else None]
        values = (amount(row.ours, row.unit), amount(row.peer, row.unit), ratio_text(row.ratio))
        lines.append(_line((f"    {row.against}", *values, spread, goal_text(row), met)))
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    first, *others = cells
    padded = [cell.rjust(width) for cell, width in zip(others, _WIDTHS[1:], strict=True)]
    return " ".join([first.ljust(_WIDTHS[0]), *padded]).rstrip()
