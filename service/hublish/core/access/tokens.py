"""Tokens of the HTTP API: what each may do, until when, and the secret that belongs to it.

A secret is never stored. It follows from the operator's key and everything the token says, so that whoever reads the
database cannot sign with it, and whoever writes to it cannot make a token say more: its secret would be another one.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Protocol

from hublish.errors import ValueInvalid, clip

ID_PATTERN = re.compile(r"[0-9a-f]{16}")
NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,38}")
SCOPES_LIMIT = 50
_SCOPE = re.compile(r"(build|read):([A-Za-z0-9][A-Za-z0-9-]{0,38})(?:/([A-Za-z0-9._-]{1,100}))?")
_DERIVATION = "hublish-token-1"
"""Begins what secrets are made from; another one makes others."""


class Action(Enum):
    """What a scope allows; whoever may build may read as well."""

    BUILD = "build"
    READ = "read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """One thing a token may do: in one repository, or in all of an owner's where `name` is None; lower-case."""

    action: Action
    owner: str
    name: str | None

    def __str__(self) -> str:
        return f"{self.action.value}:{self.owner}" + ("" if self.name is None else f"/{self.name}")

    def covers(self, action: Action, *, owner: str, name: str) -> bool:
        """Tell whether an action on a repository is allowed; GitHub's names have no case."""
        allowed = self.action is action or self.action is Action.BUILD
        return allowed and self.owner == owner.lower() and self.name in (None, name.lower())


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token as it is stored.

    Attributes:
        id: 16 hex digits; no secret.
        name: what the operator calls it; stands as the one who asked in every run it starts.
        scopes: at least one.
        created_at: aware UTC, whole seconds.
        expires_at: aware UTC, whole seconds.
        secret_sha256: hash of its secret, lower-case hex: shows a key that is not the one it was made with.
        revoked_at: aware UTC, or None.
    """

    id: str
    name: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime
    secret_sha256: str = ""
    revoked_at: datetime | None = None

    def allows(self, action: Action, full_name: str) -> bool:
        """Tell whether one of the scopes covers an action on `owner/name`."""
        owner, _, name = full_name.partition("/")
        return any(scope.covers(action, owner=owner, name=name) for scope in self.scopes)


class TokenRecords(Protocol):
    """Tokens that were made."""

    def insert_token(self, token: Token) -> None:
        """Store a new token."""

    def read_token(self, token_id: str) -> Token | None:
        """A token by its id, revoked and expired ones too."""

    def list_tokens(self) -> tuple[Token, ...]:
        """All tokens, the newest first."""

    def revoke_token(self, token_id: str, *, at: datetime) -> bool:
        """End a token; the first time stays. False when there is none of that id."""


def parse_scope(text: str) -> Scope:
    """Parse `build:owner/repo`, `build:owner`, `read:owner/repo` or `read:owner`.

    Raises:
        ValueInvalid: the text is none of these.
    """
    match = _SCOPE.fullmatch(text)
    if match is None or match[3] in (".", ".."):
        raise ValueInvalid(
            "Expected a scope, build:OWNER/REPO, build:OWNER, read:OWNER/REPO or read:OWNER, "
            f"but got {clip(text, limit=80)!r}."
        )
    return Scope(action=Action(match[1]), owner=match[2].lower(), name=match[3].lower() if match[3] else None)


def parse_wish(name: str, scopes: Sequence[str]) -> tuple[Scope, ...]:
    """Parse what a token is wished for: a name, and scopes of which each counts once.

    Raises:
        ValueInvalid: the name or a scope is none, or there is no scope or too many.
    """
    if not NAME_PATTERN.fullmatch(name):
        raise ValueInvalid(
            f"Expected a name of 1 to 39 letters, digits or ._- characters, but got {clip(name, limit=80)!r}."
        )
    parsed = tuple(dict.fromkeys(parse_scope(scope) for scope in scopes))
    if not 1 <= len(parsed) <= SCOPES_LIMIT:
        raise ValueInvalid(f"A token has 1 to {SCOPES_LIMIT} scopes; {len(parsed)} were given.")
    return parsed


def make_secret(key: bytes, token: Token) -> str:
    """Make the secret of a token: 64 hex digits, the same for the same key and the same token.

    Args:
        key: the operator's, at least 32 random bytes.
        token: whose id, name, scopes and times all count; its hash and revocation do not.
    """
    scopes = " ".join(str(scope) for scope in token.scopes)
    times = (_render_seconds(token.created_at), _render_seconds(token.expires_at))
    text = "\n".join((_DERIVATION, token.id, token.name, scopes, *times))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def hash_secret(secret: str) -> str:
    """The hash of a secret as it is stored. A secret has 256 random bits, so that no slow hash is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _render_seconds(at: datetime) -> str:
    return str(int(at.astimezone(UTC).timestamp()))
