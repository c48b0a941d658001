"""kill -9 at two hundred points, while people work: nothing that was accepted is lost, and nothing is done twice without its key."""

import collections
import concurrent.futures

import pytest

from support.siege.house import MOMENTS, House

HOUSES, POINTS = 4, 50


def besiege(house, points):
    try:
        return house.siege(points)
    finally:
        house.server.stop()


@pytest.mark.timeout(600)
def test_two_hundred_points(tmp_path):
    """Four servers side by side, fifty deaths each."""
    with concurrent.futures.ThreadPoolExecutor(HOUSES) as pool:
        houses = list(pool.map(lambda seed: House(tmp_path / str(seed), seed), range(HOUSES)))
        found = list(pool.map(lambda house: besiege(house, POINTS), houses))
    kinds, during = collections.Counter(), collections.Counter()
    for house in houses:
        for total, part in zip((kinds, during), house.tally()):
            total.update(part)
    print(dict(kinds), dict(during))
    assert found == [[]] * HOUSES
    assert kinds.total() == HOUSES * POINTS
    for kind in MOMENTS:
        assert kinds[kind] >= 6, f"{kind}: {kinds[kind]} deaths"
    assert kinds["it was waited for too long"] <= 10, kinds
    for what, least in {"model": 15, "tool": 15, "control": 15, "stream": 30, "between steps": 15, "nothing": 5}.items():
        assert during[what] >= least, f"{during[what]} deaths during {what}"


def siege_of(folder, **sabotage):
    # Its people give up one after the other: nobody has to wait for what they would have done.
    return besiege(House(folder, 1, patience=4, **sabotage), 12)


@pytest.mark.timeout(300)
def test_calls_without_keys_are_found(tmp_path):
    """The test itself: a ledger that is not given the keys sees every repeated call as another one."""
    found = siege_of(tmp_path, keyless=True)
    assert any(one.startswith("double effect") for one in found), found


@pytest.mark.timeout(300)
def test_a_disk_that_forgets_is_found(tmp_path):
    """And a server that comes back with an older state has lost what it accepted."""
    found = siege_of(tmp_path, forgetful=True)
    assert any(one.startswith("lost") for one in found), found
