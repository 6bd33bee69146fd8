"""The long runs use the helpers of the rules' and the end-to-end tests."""

import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / room) for room in ("rules", "e2e", "examples")]
