"""Who may ask for builds beside those with write permission: the approvers of an OWNERS file, as Kubernetes has it.

Only the file at the top of the default branch is ever given to this module, with its OWNERS_ALIASES. Nothing in them is
trusted: they are read like a config (size, anchors, depth, duplicate keys), and a file with a fault names nobody. What is
no login and no alias is passed over, as it can be nobody's name.

Source: Kubernetes contributor guide, "OWNERS files": approvers, filters, OWNERS_ALIASES; names are compared without case.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hublish.core.trees.yamltree import parse_tree
from hublish.errors import clip

OWNERS_PATH = "OWNERS"
ALIASES_PATH = "OWNERS_ALIASES"
NAMES_LIMIT = 1000

_LOGIN = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,37}[a-z0-9])?")
_EVERY_FILE = ".*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owners:
    """What an OWNERS file says.

    Attributes:
        approvers: logins in lower case, aliases resolved, in the order of the file; empty with a problem.
        problem: why the file names nobody, one sentence with its place; "" when it could be read.
    """

    approvers: tuple[str, ...]
    problem: str = ""


def parse_owners(body: bytes | None, *, aliases: bytes | None) -> Owners:
    """Parse an OWNERS file.

    Args:
        body: the file at the top of the default branch; None when there is none.
        aliases: OWNERS_ALIASES beside it; None when there is none.
    """
    if body is None:
        return Owners(approvers=(), problem=f"there is no {OWNERS_PATH} file")
    root, problem = _read_mapping(body, path=OWNERS_PATH)
    if root is None:
        return Owners(approvers=(), problem=problem)
    known: dict[str, tuple[str, ...]] = {}
    if aliases is not None:
        found, problem = _read_mapping(aliases, path=ALIASES_PATH)
        if found is None:
            return Owners(approvers=(), problem=problem)
        known = _read_aliases(found)
    names = tuple(_list_names(_find_approvers(root)))
    logins = dict.fromkeys(login for name in names for login in known.get(name, (name,)) if _LOGIN.fullmatch(login))
    if len(logins) > NAMES_LIMIT:
        return Owners(approvers=(), problem=f"{OWNERS_PATH} names {len(logins)} approvers; at most {NAMES_LIMIT} count")
    return Owners(approvers=tuple(logins), problem="" if logins else f"{OWNERS_PATH} names no approvers")


def _read_mapping(body: bytes, *, path: str) -> tuple[Mapping[str, object] | None, str]:
    """`(mapping, "")`, or None and what is wrong with the file."""
    parsed = parse_tree(body, path=path)
    if parsed.findings:
        first = parsed.findings[0]
        return None, f"{first.place} cannot be used: {first.message}"
    value = None if parsed.tree is None else parsed.tree.value
    if not isinstance(value, dict):
        return None, f"{path} cannot be used: expected a mapping with the key approvers or aliases"
    return value, ""


def _find_approvers(root: Mapping[str, object]) -> object:
    """The top level's approvers, or those that a filter names for every file."""
    filters = root.get("filters")
    every = filters.get(_EVERY_FILE) if isinstance(filters, dict) else None
    return every.get("approvers") if isinstance(every, dict) else root.get("approvers")


def _read_aliases(root: Mapping[str, object]) -> dict[str, tuple[str, ...]]:
    aliases = root.get("aliases")
    if not isinstance(aliases, dict):
        return {}
    return {name.lower(): tuple(_list_names(members)) for name, members in aliases.items()}


def _list_names(value: object) -> Iterator[str]:
    """Names of a list in lower case; an alias within an alias is none, as in Kubernetes."""
    for item in value if isinstance(value, list) else ():
        if isinstance(item, str):
            yield item.strip().lower()


def describe_approvers(owners: Owners, *, shown: int = 5) -> str:
    """Describe the approvers for people, without `@`: nobody is notified by a refusal."""
    more = len(owners.approvers) - shown
    names = ", ".join(clip(login, limit=40) for login in owners.approvers[:shown])
    return f"an approver in {OWNERS_PATH} ({names}{f' and {more} more' if more > 0 else ''})"
