"""Which registry namespaces a repository owner may push to, and build on: the operator's map, asked purely."""

from __future__ import annotations

from collections.abc import Mapping

from hublish.core.reference import Reference

Namespaces = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Registry host -> repository owner (lower case, "*" for all) -> allowed repository prefixes."""


def check_namespace(namespaces: Namespaces, *, owner: str, reference: Reference) -> str | None:
    """Check that `owner` may push to the repository of `reference`.

    Args:
        namespaces: the operator's map. A prefix matches whole path parts: "team" allows "team" and "team/ts", never
            "teams/ts"; the empty prefix allows all.
        owner: login of the source repository's owner.
        reference: the image to push.
    Returns:
        None when it is allowed, else the reason, for people.
    """
    owners = namespaces.get(reference.registry)
    if owners is None:
        return f"the registry {reference.registry} is not in this service's settings"
    prefixes = (*owners.get(owner.lower(), ()), *owners.get("*", ()))
    if any(_covers(prefix, reference) for prefix in prefixes):
        return None
    allowed = ", ".join(f"{reference.registry}/{prefix.strip('/')}/…" for prefix in prefixes) or "none"
    return f"{owner} may not push to {reference.name}; allowed for {owner}: {allowed}"


def check_base(namespaces: Namespaces, *, owner: str, reference: Reference) -> str | None:
    """Check that images of `owner` may be built on the image of `reference`.

    The service's own login may read every owner's images; a base or a FROM would copy them into anybody's.

    Args:
        namespaces: the operator's map. A prefix given to other owners only is theirs; the empty one claims nothing.
        owner: login of the source repository's owner.
        reference: the base.

    Returns:
        None when it is allowed, else the reason, for people.
    """
    owners = namespaces.get(reference.registry, {})
    own = (*owners.get(owner.lower(), ()), *owners.get("*", ()))
    others = (prefix for prefixes in owners.values() for prefix in prefixes if prefix.strip("/"))
    if any(_covers(prefix, reference) for prefix in own) or not any(_covers(prefix, reference) for prefix in others):
        return None
    return f"{owner} may not build on {reference.name}, which is in the namespace of another owner"


def _covers(prefix: str, reference: Reference) -> bool:
    bare = prefix.strip("/")
    return not bare or f"{reference.repository}/".startswith(f"{bare}/")
