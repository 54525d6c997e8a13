"""The pip that an image gets where its lock has none."""

from __future__ import annotations

import pytest

from hublish.builders.planning.pinnedpip import PIP_HASH, PIP_VERSION, add_pip
from hublish.core.locks.lock import ANY_SOURCE, IndexSource, LockedPackage

SOURCES = tuple(
    IndexSource(name=name, url=f"https://{name}.example.com/simple", verify_ssl=True) for name in ("own", "public")
)


def make_package(name: str, *, version: str = "1", hashes: tuple[str, ...] = (), source: str = "own") -> LockedPackage:
    return LockedPackage(name=name, version=version, hashes=hashes, source=source)


@pytest.mark.parametrize(
    ("minor", "expected"),
    [(6, "21.3.1"), (7, "24.0"), (8, "25.0.1"), (9, "25.3"), (10, PIP_VERSION), (11, PIP_VERSION), (14, PIP_VERSION)],
)
def test_each_python_gets_the_newest_pip_it_can_run(minor: int, expected: str) -> None:
    """A pip that the base's Python cannot run would refuse every build on that base."""
    [pip] = add_pip((), sources=SOURCES[:1], python_version=(3, minor))

    assert (pip.name, pip.version) == ("pip", expected)
    assert (pip.hashes == (PIP_HASH,)) is (expected == PIP_VERSION)


def test_pip_comes_from_whichever_index_has_it() -> None:
    """The first index is often somebody's own, with nothing but their packages; the hash says that it is the right pip."""
    others = make_package("alpha"), make_package("zeta")
    pip = make_package("pip", version=PIP_VERSION, hashes=(PIP_HASH,), source=ANY_SOURCE)

    assert add_pip(others, sources=SOURCES, python_version=(3, 11)) == (others[0], pip, others[1])


@pytest.mark.parametrize(("packages", "sources"), [((make_package("pip"),), SOURCES), ((make_package("six"),), ())])
def test_nothing_is_added_without_need_or_index(
    packages: tuple[LockedPackage, ...], sources: tuple[IndexSource, ...]
) -> None:
    """The lock's own pip counts; a lock of nothing but wheels of the repository may name no index."""
    assert add_pip(packages, sources=sources, python_version=(3, 9)) == packages
