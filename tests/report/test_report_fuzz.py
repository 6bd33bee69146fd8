"""Whatever stands in the files: an exit code, a reason, and no traceback."""

import pytest

from support.runtime_fuzz import check


@pytest.mark.parametrize("batch", range(4))
def test_nonsense_never_ends_it(batch, capsys):
    """A hundred profiles whose files are damaged, each reported on and replayed."""
    for seed in range(25 * batch, 25 * batch + 25):
        check(seed, capsys)
