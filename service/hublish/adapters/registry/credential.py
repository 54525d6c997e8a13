"""Credentials of registries, read from docker-style `config.json` files and their helpers. It sends nothing.

Files are read each time a credential is needed (once per token), so that a rotated secret counts without a restart.

Source: docker's `config.json` (`auths`, `credHelpers`, `credsStore`, helper protocol); the per-repository keys of
containers-auth.json(5).
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hublish.core.reference import Reference
from hublish.errors import RegistryFailed, SettingsInvalid, clip

FILE_LIMIT_BYTES = 1024 * 1024
HELPER_TIMEOUT_SECONDS = 20.0
# The user name by which a helper says that its secret is a refresh token.
TOKEN_USER = "<token>"  # noqa: S105 - a name of the helper protocol, not a secret
_DOCKER_HUB_KEYS = ("docker.io", "index.docker.io", "registry-1.docker.io")


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """Who hublish is for a registry; secrets stay out of `repr`.

    Attributes:
        username: account name; "" with an identity token.
        password: its password or access token; "" with an identity token.
        identity_token: OAuth2 refresh token that is exchanged for access tokens; None when there is none.
    """

    username: str
    password: str = field(repr=False)
    identity_token: str | None = field(default=None, repr=False)

    @property
    def basic(self) -> str:
        """Value of an `Authorization` header by the Basic scheme."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialFiles:
    """Where credentials are looked for.

    Attributes:
        default_files: asked in order for a host whose rule names no file; missing ones are skipped.
        allow_helpers: run `docker-credential-*` programs that a file names; off in a service, which runs no programs
            of its host.
    """

    default_files: tuple[Path, ...]
    allow_helpers: bool

    def find(self, host: str, repository: str, auth_file: Path | None) -> Credential | None:
        """Find the credential of a repository: the longest key that covers it, in the first file that has one.

        Args:
            host: registry as the reference names it.
            repository: path on it; "" for the registry as a whole.
            auth_file: the rule's own file, which then is the only one asked and must exist.

        Raises:
            SettingsInvalid: a file cannot be read as what it should be; the message names it.
            RegistryFailed: a helper failed.
        """
        if auth_file is not None:
            document = _load_file(auth_file)
            if document is None:
                raise SettingsInvalid(f"Expected the credentials of {host} in {auth_file}, got no such file.")
            return self._find_in(document, host, repository, auth_file)
        for path in self.default_files:
            document = _load_file(path)
            found = None if document is None else self._find_in(document, host, repository, path)
            if found is not None:
                return found
        return None

    def _find_in(self, document: Mapping[str, object], host: str, repository: str, path: Path) -> Credential | None:
        auths = _named(document, "auths")
        helpers = _named(document, "credHelpers")
        store = document.get("credsStore")
        for key in _candidates(host, repository):
            for name, helper in helpers.items():
                if self.allow_helpers and _normalise(name) == key:
                    return _ask_helper(str(helper), name)
            for name, entry in auths.items():
                if _normalise(name) == key and isinstance(entry, dict) and entry:
                    return _parse_entry(entry, f"{path}, auths.{clip(name)}")
        if self.allow_helpers and isinstance(store, str) and store:
            return _ask_helper(store, "https://index.docker.io/v1/" if host == "docker.io" else host)
        return None


def load_logins(path: Path, references: Iterable[Reference]) -> bytes:
    """Load what a credentials file has for some repositories, as such a file of its own: nothing else leaves the machine.

    Raises:
        SettingsInvalid: the file cannot be read as what it should be.
    """
    document = _load_file(path)
    if document is None:
        raise SettingsInvalid(f"Expected credentials in {path}, got no such file.")
    wanted = {key for item in references for key in _candidates(item.registry, item.repository)}
    auths = {name: entry for name, entry in _named(document, "auths").items() if _normalise(name) in wanted}
    return json.dumps({"auths": auths}, sort_keys=True).encode()


def _candidates(host: str, repository: str) -> Iterator[str]:
    parts = repository.split("/") if repository else []
    for length in range(len(parts), 0, -1):
        yield "/".join((host, *parts[:length]))
    yield from _DOCKER_HUB_KEYS if host == "docker.io" else (host,)


def _normalise(key: str) -> str:
    bare = re.sub(r"^https?://", "", key).rstrip("/")
    return re.sub(r"/v[12]$", "", bare)


def _named(document: Mapping[str, object], key: str) -> dict[str, object]:
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def _load_file(path: Path) -> dict[str, object] | None:
    try:
        with path.open("rb") as stream:
            body = stream.read(FILE_LIMIT_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise SettingsInvalid(f"Expected a readable credentials file at {path}, got: {exc.strerror}.") from exc
    try:
        document = json.loads(body) if len(body) <= FILE_LIMIT_BYTES else None
    except (ValueError, RecursionError) as exc:
        raise SettingsInvalid(f"Expected JSON in the credentials file {path}, got something else.") from exc
    if not isinstance(document, dict):
        raise SettingsInvalid(f"Expected a JSON object of at most 1 MiB in the credentials file {path}.")
    return document


def _parse_entry(entry: Mapping[str, object], place: str) -> Credential:
    token = entry.get("identitytoken")
    if isinstance(token, str) and token:
        return Credential(username="", password="", identity_token=token)
    if isinstance(entry.get("auth"), str) and entry["auth"]:
        try:
            username, colon, password = base64.b64decode(str(entry["auth"])).decode().partition(":")
        except ValueError as exc:
            raise SettingsInvalid(f"Expected base64 of USER:PASSWORD at {place}.auth, got something else.") from exc
        if not colon:
            raise SettingsInvalid(f"Expected base64 of USER:PASSWORD at {place}.auth, got no colon in it.")
        return Credential(username=username, password=password.rstrip("\x00"))
    username, password = str(entry.get("username") or ""), str(entry.get("password") or "")
    if not username:
        raise SettingsInvalid(f"Expected auth, identitytoken or username and password at {place}, got none of them.")
    return Credential(username=username, password=password)


def _ask_helper(name: str, server: str) -> Credential | None:
    program = f"docker-credential-{name}"
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name):
        raise SettingsInvalid(f"Expected the name of a credential helper, got {clip(name)!r}.")
    try:
        # The name was checked above and the program gets no shell.
        done = subprocess.run(  # noqa: S603 - a fixed prefix, a checked name, no shell
            [program, "get"],
            input=server.encode(),
            capture_output=True,
            timeout=HELPER_TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise RegistryFailed(
            f"Expected credentials from {program}, got {type(exc).__name__}.", hint=f"Check that {program} works."
        ) from exc
    if done.returncode != 0:
        if b"credentials not found" in done.stdout + done.stderr:
            return None
        # What a helper prints may hold a secret, so that only its exit code is told.
        raise RegistryFailed(
            f"Expected credentials from {program}, got exit code {done.returncode}.",
            hint=f"Run `echo {clip(server)} | {program} get` to see why.",
        )
    try:
        answer = json.loads(done.stdout)
        username, secret = str(answer["Username"]), str(answer["Secret"])
    except (ValueError, KeyError, TypeError) as exc:
        raise RegistryFailed(f"Expected a JSON object with Username and Secret from {program}.") from exc
    if username == TOKEN_USER:
        return Credential(username="", password="", identity_token=secret)
    return Credential(username=username, password=secret)
