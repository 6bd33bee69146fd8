"""What the tests of a release share: one build."""

import pytest

from support.distributions import ROOT, Built, build


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Return the wheel and the source distribution of this tree."""
    return build(ROOT, tmp_path_factory.mktemp("built"), SOURCE_DATE_EPOCH="1790000000")
