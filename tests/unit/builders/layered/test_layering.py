"""How wheels are spread over layers."""

from __future__ import annotations

import pytest

from hublish.builders.layered.layering import (
    ADDED_LAYER_LIMIT,
    BUCKETS,
    IMAGE_LAYER_LIMIT,
    OTHER_LAYERS,
    ExpectedGroups,
    LayerGroup,
    group_wheels,
)
from hublish.builders.wheels.choice import ChosenWheel, SizedWheel
from hublish.core.locks.lock import LockedPackage
from hublish.core.ports import IndexFile
from hublish.errors import BaseUnsupported
from tests.unit.builders.samples import INDEX

MEBIBYTE = 1 << 20


def wheel(name: str, size_bytes: int) -> SizedWheel:
    package = LockedPackage(name=name, version="1", hashes=(), source="index")
    file = IndexFile(filename=f"{name}.whl", url="", sha256=None, size_bytes=size_bytes)
    chosen = ChosenWheel(package=package, source=INDEX, file=file)
    return SizedWheel(chosen=chosen, size_bytes=size_bytes)


def test_big_wheels_stand_alone_and_buckets_come_last():
    """A changed layer makes a node unpack every later one again: small ones change most often."""
    wheels = [wheel(name, 1000) for name in "abcdefghijklmnopqrst"] + [
        wheel("zeta", MEBIBYTE),
        wheel("alpha", MEBIBYTE),
    ]

    groups = group_wheels(wheels, base_layers=1)

    assert [group.title for group in groups[:2]] == ["alpha 1", "zeta 1"]
    assert 2 < len(groups) <= 2 + BUCKETS
    assert sum(len(group.wheels) for group in groups) == len(wheels)


def test_bump_of_a_small_package_touches_one_bucket():
    """The bucket follows the name alone."""
    before = group_wheels([wheel(name, 1000) for name in "abcdefghij"], base_layers=1)
    after = group_wheels([wheel(name, 1001 if name == "c" else 1000) for name in "abcdefghij"], base_layers=1)

    changed = [first for first, second in zip(before, after, strict=True) if first != second]

    assert len(changed) == 1


def test_order_of_the_input_does_not_matter():
    """Groups and wheels within them are sorted."""
    wheels = [wheel(name, 1000) for name in "abcdefghij"]

    assert group_wheels(wheels, base_layers=1) == group_wheels(wheels[::-1], base_layers=1)


def make_many(count: int) -> list[SizedWheel]:
    """Big wheels of many sizes, and enough small ones to fill every bucket."""
    big = [wheel(f"w{number}", MEBIBYTE * (1 + number % 9)) for number in range(count)]
    return [*big, *(wheel(f"small{number}", 1000) for number in range(100))]


def test_one_big_wheel_more_moves_one_wheel_when_the_room_is_full():
    """The smallest of the big ones goes to its bucket; all other layers stay."""
    wheels = make_many(60)
    before = group_wheels(wheels, base_layers=1)
    after = group_wheels([*wheels, wheel("huge", 50 * MEBIBYTE)], base_layers=1)

    assert len(set(before) - set(after)) == 2
    assert len(set(after) - set(before)) == 2


@pytest.mark.parametrize(
    ("wheels", "base_layers", "least", "most"),
    [
        # A notebook image of 145 packages, 23 of them big, as measured.
        (23, 1, 30, 60),
        (48, 1, 30, 60),
        (49, 1, 30, 60),
        (300, 1, 30, 60),
        (300, 60, 30, 60),
        (300, 90, 20, 37),
        (300, 114, 8, 13),
        (300, 115, 8, 12),
    ],
)
def test_layers_are_neither_too_few_nor_too_many(wheels, base_layers, least, most):
    """Up to 60 of one's own, and never more than 127 with the base's: the largest get what room there is."""
    groups = group_wheels(make_many(wheels), base_layers=base_layers)

    assert least <= len(groups) + OTHER_LAYERS <= most
    assert len(groups) + OTHER_LAYERS <= ADDED_LAYER_LIMIT
    assert base_layers + len(groups) + OTHER_LAYERS <= IMAGE_LAYER_LIMIT
    assert sum(len(group.wheels) for group in groups) == wheels + 100


def test_base_that_leaves_no_room_is_refused():
    """Runtimes stop at 127 layers; said before anything is built."""
    with pytest.raises(BaseUnsupported, match="the base has 116 layers, expected at most 115") as caught:
        group_wheels(make_many(1), base_layers=116)

    assert "buildah bud --squash" in caught.value.hint


def test_buckets_come_last_however_many_big_wheels_there_are():
    """The order of layers is the order of how seldom they change."""
    groups = group_wheels(make_many(300), base_layers=1)

    counts = [len(group.wheels) for group in groups]
    names = [group.wheels[0].chosen.package.name for group in groups[:-BUCKETS]]

    assert counts[:-BUCKETS] == [1] * (len(groups) - BUCKETS)
    assert min(counts[-BUCKETS:]) > 1
    assert names == sorted(names)


def test_group_is_told_when_its_last_wheel_has_come():
    """A big wheel at once, a bucket when it is full."""
    wheels = [wheel("big", MEBIBYTE), *(wheel(name, 1000) for name in "abcdefghij")]
    expected = ExpectedGroups([(one.chosen, one.size_bytes) for one in wheels], base_layers=1)

    told = [expected.add(one) for one in wheels]

    assert told[0] is not None
    assert told[0].title == "big 1"
    assert {group for group in told if group is not None} == set(group_wheels(wheels, base_layers=1))


def test_index_that_states_no_sizes_leaves_the_big_ones_to_begin():
    """One unknown size could change every bucket, but hardly the layer of a big wheel."""
    expected = ExpectedGroups([(wheel("a", 0).chosen, None), (wheel("big", 0).chosen, 2 * MEBIBYTE)], base_layers=1)
    big = wheel("big", 2 * MEBIBYTE)

    assert expected.add(wheel("a", 1000)) is None
    assert expected.add(big) == LayerGroup(wheels=(big,))


def test_no_wheels_no_layers():
    """A lock may be empty."""
    assert group_wheels([], base_layers=1) == ()
