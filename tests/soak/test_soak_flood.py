"""How far one gateway and one store go, bounded far below what docs/collector.md says was measured."""

import pytest

from support.flood import measure
from support.stores import STORES

pytestmark = [pytest.mark.soak, pytest.mark.alone]


@pytest.mark.parametrize("store", STORES)
def test_one_gateway_and_one_store_take_a_thousand_bots(store):
    """A thousand bots of this size, an export a minute each, are less than a processor for either of the two."""
    figures = measure(store, bots=40, rounds=4)
    needed = 1000 * figures["series a bot"] / 60
    assert figures["gateway: samples a processor second"] > needed
    assert figures[f"{store}: samples a processor second"] > needed
    assert figures["gateway: MiB"] < 256
