"""docs/coinbase.md shows what happens."""

import contextlib
import io
import re
from pathlib import Path

PAGE = (Path(__file__).parents[3] / "docs" / "coinbase.md").read_text()
EXAMPLE = next(text for text in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "coinbase_exchange" in text)
SHOWN = re.search(r"```text\n(.*?)```", PAGE, re.DOTALL)[1]


def test_the_worked_example_prints_what_the_page_shows() -> None:
    """To the letter."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(EXAMPLE, "docs/coinbase.md", "exec"), {})
    assert printed.getvalue() == SHOWN
