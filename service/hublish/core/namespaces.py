"""Which registry namespaces a repository owner may push to: the operator's map, asked purely."""

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
    for prefix in prefixes:
        bare = prefix.strip("/")
        if not bare or reference.repository == bare or reference.repository.startswith(bare + "/"):
            return None
    allowed = ", ".join(f"{reference.registry}/{prefix.strip('/')}/…" for prefix in prefixes) or "none"
    return f"{owner} may not push to {reference.name}; allowed for {owner}: {allowed}"
