"""How wheels are spread over layers."""

from __future__ import annotations

from pathlib import Path

from hublish.builders.layering import BUCKETS, OWN_LAYER_LIMIT, group_wheels
from hublish.builders.wheels import ChosenWheel, FetchedWheel
from hublish.core.lockfile import LockedPackage
from hublish.core.ports import IndexFile
from tests.unit.builders.samples import INDEX

MEBIBYTE = 1 << 20


def wheel(name: str, size_bytes: int) -> FetchedWheel:
    package = LockedPackage(name=name, version="1", hashes=(), source="index")
    file = IndexFile(filename=f"{name}.whl", url="", sha256=None, size_bytes=size_bytes)
    chosen = ChosenWheel(package=package, source=INDEX, file=file)
    return FetchedWheel(chosen=chosen, path=Path(f"/{name}.whl"), size_bytes=size_bytes)


def test_big_wheels_stand_alone_and_buckets_come_last():
    """A changed layer makes a node unpack every later one again: small ones change most often."""
    wheels = [wheel(name, 1000) for name in "abcdefghijklmnopqrst"] + [
        wheel("zeta", MEBIBYTE),
        wheel("alpha", MEBIBYTE),
    ]

    groups = group_wheels(wheels)

    assert [group.title for group in groups[:2]] == ["alpha 1", "zeta 1"]
    assert 2 < len(groups) <= 2 + BUCKETS
    assert sum(len(group.wheels) for group in groups) == len(wheels)


def test_bump_of_a_small_package_touches_one_bucket():
    """The bucket follows the name alone."""
    before = group_wheels([wheel(name, 1000) for name in "abcdefghij"])
    after = group_wheels([wheel(name, 1001 if name == "c" else 1000) for name in "abcdefghij"])

    changed = [first for first, second in zip(before, after, strict=True) if first != second]

    assert len(changed) == 1


def test_order_of_the_input_does_not_matter():
    """Groups and wheels within them are sorted."""
    wheels = [wheel(name, 1000) for name in "abcdefghij"]

    assert group_wheels(wheels) == group_wheels(wheels[::-1])


def test_many_big_wheels_stay_below_the_layer_limit():
    """The threshold grows until the layers are few enough for every runtime."""
    wheels = [wheel(f"w{number}", MEBIBYTE * (1 + number % 4)) for number in range(200)]

    groups = group_wheels(wheels)

    assert len(groups) <= OWN_LAYER_LIMIT + BUCKETS


def test_no_wheels_no_layers():
    """A lock may be empty."""
    assert group_wheels([]) == ()
