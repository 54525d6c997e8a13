"""The wheel tags of a target whose Python is never run: from the facts of its base, best first.

`packaging.tags` lists the tags of an interpreter; the platforms of a foreign C library must be spelt out for it.

Source: PyPA "Platform compatibility tags" (PEP 425, 513, 571, 599, 600, 656).
"""

from __future__ import annotations

from collections.abc import Mapping

from packaging.tags import Tag, compatible_tags, cpython_tags

from hublish.builders.baseimage.facts import BaseFacts

_LEGACY_NAMES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
# CentOS 5's glibc: manylinux starts there.
_OLDEST_GLIBC_MINOR = 5


def make_tag_ranks(facts: BaseFacts) -> Mapping[Tag, int]:
    """Make the tags that fit, each with its rank: 0 fits best."""
    interpreter = "cp{}{}".format(*facts.python_version)
    platforms = _list_platforms(facts)
    tags = [
        *cpython_tags(facts.python_version, [interpreter], platforms),
        *compatible_tags(facts.python_version, interpreter, platforms),
    ]
    return {tag: rank for rank, tag in reversed(list(enumerate(tags)))}


def _list_platforms(facts: BaseFacts) -> list[str]:
    kind, newest = facts.libc
    architecture = facts.architecture
    if kind == "musl":
        return [f"musllinux_1_{minor}_{architecture}" for minor in range(newest, -1, -1)] + [f"linux_{architecture}"]
    platforms: list[str] = []
    for minor in range(newest, _OLDEST_GLIBC_MINOR - 1, -1):
        platforms.append(f"manylinux_2_{minor}_{architecture}")
        legacy = _LEGACY_NAMES.get(minor)
        # manylinux1 and manylinux2010 were defined for x86 only.
        if legacy is not None and (architecture == "x86_64" or legacy == "manylinux2014"):
            platforms.append(f"{legacy}_{architecture}")
    return [*platforms, f"linux_{architecture}"]
