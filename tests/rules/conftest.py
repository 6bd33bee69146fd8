"""The rules' tests import each other's helpers, and the examples' and end-to-end ones."""

import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / "rules"), str(TESTS / "e2e"), str(TESTS / "examples"), str(TESTS.parent / "examples")]
