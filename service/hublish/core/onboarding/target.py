"""Where the image of a new repository goes: the place that the operator's map gives its owner, and a name made from its own.

Makes names that every registry takes; a repository's name is foreign text.
"""

from __future__ import annotations

import re

from hublish.core.namespaces import Namespaces
from hublish.core.reference import Reference

EVERYBODY = "*"
NAME_LIMIT = 100
_SEPARATORS = re.compile(r"[^a-z0-9]+")
_FALLBACK = "image"


def choose_target(namespaces: Namespaces, *, owner: str, name: str) -> Reference | None:
    """Choose the image repository for a source repository.

    Args:
        namespaces: the operator's map; the first registry counts that gives the owner a prefix, then the first that gives
            everybody one.
        owner: login of the repository's owner.
        name: of the repository, without owner.

    Returns:
        `registry/prefix/name`, with the owner before the name where the prefix is not the owner's alone; None when the
        owner may push nowhere.
    """
    for key in (owner.lower(), EVERYBODY):
        for registry, owners in namespaces.items():
            prefixes = owners.get(key, ())
            if prefixes:
                prefix = prefixes[0].strip("/")
                # Names of two owners meet in a prefix for everybody, and in the top of a registry.
                shared = key == EVERYBODY or not prefix
                parts = (prefix, make_component(owner) if shared else "", make_component(name))
                return Reference(registry=registry, repository="/".join(part for part in parts if part))
    return None


def make_component(text: str) -> str:
    """Make one part of an image's name from any text: lower-case letters, digits and single hyphens."""
    return _SEPARATORS.sub("-", text.lower())[:NAME_LIMIT].strip("-") or _FALLBACK
