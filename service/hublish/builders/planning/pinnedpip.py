"""The one thing an image gets that its lock may not hold: without pip a user can neither look nor add anything.

A newest pip that an older Python cannot run would keep a base from being built on, so that each Python gets the newest
pip that it can run. Each is pinned by its hash, so that it does not matter which index of the lock has it.
"""

from __future__ import annotations

from hublish.core.locks.lock import ANY_SOURCE, IndexSource, LockedPackage

PIP_NAME = "pip"
PIP_VERSION = "26.3"
PIP_HASH = "sha256:f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13"
# The last pips for Pythons that newer ones left behind: (newest Python of each, version, hash), the oldest first.
_OLDER = (
    ((3, 6), "21.3.1", "sha256:deaf32dcd9ab821e359cd8330786bcd077604b5c5730c0b096eda46f95c24a2d"),
    ((3, 7), "24.0", "sha256:ba0d021a166865d2265246961bec0152ff124de910c5cc39f1156ce3fa7c69dc"),
    ((3, 8), "25.0.1", "sha256:c46efd13b6aa8279f33f2864459c8ce587ea6a1a59ee20de055868d8f7688f7f"),
    ((3, 9), "25.3", "sha256:9655943313a94722b7774661c21049070f6bbb0a1516bf02f7c8d5d9201514cd"),
)


def add_pip(
    packages: tuple[LockedPackage, ...], *, sources: tuple[IndexSource, ...], python_version: tuple[int, int]
) -> tuple[LockedPackage, ...]:
    """Add pip to what is installed, unless it is there or there is no index to have it from.

    Args:
        packages: sorted by name.
        sources: the lock's indexes, asked in their order.
        python_version: `(major, minor)` of the base.
    """
    if not sources or any(package.name == PIP_NAME for package in packages):
        return packages
    version, sha256 = next(
        ((version, sha256) for newest, version, sha256 in _OLDER if python_version <= newest), (PIP_VERSION, PIP_HASH)
    )
    source = sources[0].name if len(sources) == 1 else ANY_SOURCE
    pip = LockedPackage(name=PIP_NAME, version=version, hashes=(sha256,), source=source)
    return tuple(sorted((*packages, pip), key=lambda package: package.name))
