"""What the Steps of a pod are told of the world outside: a part of the operator's settings, without its secrets' paths.

It travels in a Secret of the Step that needs it, with the files that it names as neighbours: `registry-0`, `index-0`, ...
The Step `build` is told nothing; it is given the secrets that a Dockerfile asks for, when the operator gives them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from hublish.core.proxy import Proxies
from hublish.errors import StoredValueInvalid

REQUEST_FILE = "request"
ACCESS_FILE = "access"
TOKEN_FILE = "github-token"  # noqa: S105 -- the name of a file
AUTHORITIES_FILE = "ca.crt"
BUILD_SECRETS_FILE = "build-secrets"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryAccess:
    """How one registry is spoken to.

    Attributes:
        host: `host[:port]`.
        plain_http: without TLS.
        token_hosts: hosts of its token service.
        auth_file: name of the file with its login; None for anonymous access.
    """

    host: str
    plain_http: bool = False
    token_hosts: tuple[str, ...] = ()
    auth_file: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexAccess:
    """How one package index is spoken to; as RegistryAccess, and the URL that is asked instead of the lock's."""

    host: str
    mirror: str | None = None
    plain_http: bool = False
    auth_file: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PodAccess:
    """What one Step may reach, and how.

    Attributes:
        github_api: root of GitHub's API; "" when the Step does not ask it.
        registries: those it may speak to.
        indexes: those it may speak to.
        source_bytes: limit of the unpacked source.
        source_files: limit of the number of its files.
        proxies: the way out.
        source_url: where people find the source; "" when there is no such place.
        has_authorities: certificate authorities lie beside, in place of the system's.
        index_keys: public keys, hex, whose signature makes a registry's layer index count; empty leaves those out.
    """

    github_api: str
    registries: tuple[RegistryAccess, ...]
    indexes: tuple[IndexAccess, ...]
    source_bytes: int
    source_files: int
    proxies: Proxies = field(default_factory=Proxies)
    source_url: str = ""
    has_authorities: bool = False
    index_keys: tuple[str, ...] = ()


def render_build_secrets(secrets: Mapping[str, bytes]) -> bytes:
    """Render secrets of a build as the file of its Step: ids are no names of files, and bodies no text."""
    return json.dumps({name: base64.b64encode(body).decode() for name, body in sorted(secrets.items())}).encode()


def parse_build_secrets(body: bytes) -> dict[str, bytes]:
    """Parse what `render_build_secrets` made: id -> bytes.

    Raises:
        StoredValueInvalid: it is something else; the message shows nothing of it.
    """
    try:
        return {str(name): base64.b64decode(text, validate=True) for name, text in json.loads(body).items()}
    except (AttributeError, TypeError, ValueError):
        # Without the cause, which quotes what it could not read.
        raise StoredValueInvalid(f"the file {BUILD_SECRETS_FILE} of the Step build is none of this version") from None
