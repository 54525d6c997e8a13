"""What the Steps of a build's pod are given: made from the operator's settings when the run is about to start.

Each Step gets the logins of the hosts that it asks and of no other: `fetch` those of the bases and of the lock's indexes,
`push` those of the registry the image goes to and of the one its base lies in. The Step `build` is given nothing but the
secrets that its Dockerfile asks for and the operator gives it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hublish.adapters.registry import load_logins
from hublish.bootstrap.clients import make_network
from hublish.builders.containers.buildsecrets import choose_build_secrets
from hublish.core.building import BuildRequest, PodPart
from hublish.core.codec import render_value
from hublish.core.plan import Plan, Strategy, list_bases
from hublish.core.podaccess import (
    ACCESS_FILE,
    AUTHORITIES_FILE,
    BUILD_SECRETS_FILE,
    REQUEST_FILE,
    TOKEN_FILE,
    IndexAccess,
    PodAccess,
    RegistryAccess,
    render_build_secrets,
)
from hublish.core.reference import Reference
from hublish.core.repository import Repository
from hublish.engines.runs import find_target, list_places
from hublish.errors import BuildFailed, SettingsInvalid
from hublish.workflows.bases import is_system_base

if TYPE_CHECKING:
    from hublish.registrysettings import RegistrySettings
    from hublish.settings import Settings

MintToken = Callable[[Repository], str]
"""Makes a token that reads the contents of one repository."""
FindSecrets = Callable[[BuildRequest], Mapping[str, bytes]]
"""Finds what the operator gives a build's `RUN --mount=type=secret`, id -> bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFileMaker:
    """Makes the files of a build's Secrets.

    Attributes:
        settings: the operator's.
        mint_token: asked for each build's own.
        find_secrets: what the operator gives a build, id -> bytes.
        index_keys: public keys whose signature makes a layer index count; empty where indexes are not used.
    """

    settings: Settings
    mint_token: MintToken
    find_secrets: FindSecrets
    index_keys: tuple[bytes, ...] = ()

    def make(self, request: BuildRequest) -> dict[str, dict[str, bytes]]:
        """Make what the Steps of a build are given: Step -> file -> bytes.

        Raises:
            BuildFailed: the request names no repository, and it is no part, which needs none; a secret that the Dockerfile
                needs is not given.
            NotAllowed: no place for its image, as for a fork's, or no token.
            GitHubFailed: no token.
            SettingsInvalid: a file that the settings name cannot be read.
        """
        if request.part is not None:
            return self._make_part(request, request.part)
        if request.repository is None:
            raise BuildFailed("a build in a pod needs a repository")
        find_target(request)  # a fork's image has none, and nothing is minted for a request that says otherwise
        container = request.plan.container
        asked = () if container is None else container.secrets
        secrets = choose_build_secrets(asked, self.find_secrets(request)) if asked else {}
        text = render_value(request).encode()
        bases = list_bases(request.plan)
        fetch = {REQUEST_FILE: text, TOKEN_FILE: self.mint_token(request.repository).encode()}
        push = {REQUEST_FILE: text}
        places = list_places(request)
        layered = request.plan.strategy is Strategy.LAYERED
        # A build that is only tried pushes nothing: its Step is given no login.
        pushed = () if request.target is None else (*bases, *places)
        seen = places if layered and self.index_keys else (places[:1] if request.wheels else ())
        fetch |= self._make_access(request, _Reach(images=bases, seen=seen, fetches=True))
        push |= self._make_access(request, _Reach(images=pushed))
        files = {"fetch": fetch, "push": push}
        return files | {"build": {BUILD_SECRETS_FILE: render_build_secrets(secrets)}} if secrets else files

    def _make_part(self, request: BuildRequest, part: PodPart) -> dict[str, dict[str, bytes]]:
        """A part has no source tree, so that no token is made for it."""
        text = render_value(request).encode()
        bases = list_bases(request.plan)
        files = () if part.script is None else (part.script.files,)
        fetch = self._make_access(request, _Reach(images=bases, seen=files, fetches=True))
        # Of an image the layers of its base are pushed, too; files stand on none.
        pushed = (*bases, find_target(request)) if part.script is None else (find_target(request),)
        push = self._make_access(request, _Reach(images=pushed))
        return {"fetch": {REQUEST_FILE: text, **fetch}, "push": {REQUEST_FILE: text, **push}}

    def _make_access(self, request: BuildRequest, reach: _Reach) -> dict[str, bytes]:
        files: dict[str, bytes] = {}
        settings = self.settings
        sources = reach.fetches and request.part is None
        access = PodAccess(
            github_api=settings.github.api if sources else "",
            registries=self._list_registries(reach, files),
            indexes=self._list_indexes(request.plan, files) if sources else (),
            source_bytes=settings.limits.source_bytes,
            source_files=settings.limits.source_files,
            proxies=make_network(settings).proxies,
            source_url=_make_source_url(settings.github.web, request.repository),
            has_authorities=settings.ca_file is not None,
            index_keys=tuple(key.hex() for key in self.index_keys),
        )
        if settings.ca_file is not None:
            files[AUTHORITIES_FILE] = _load(settings.ca_file)
        files[ACCESS_FILE] = render_value(access).encode()
        return files

    def _list_registries(self, reach: _Reach, files: dict[str, bytes]) -> tuple[RegistryAccess, ...]:
        listed: list[RegistryAccess] = []
        for host in dict.fromkeys(image.registry for image in (*reach.images, *reach.seen)):
            rule = self.settings.registries.get(host)
            if rule is None:
                raise BuildFailed(
                    f"the registry {host} is none of this service's",
                    hint="The operator lists registries under `registries`.",
                )
            access = RegistryAccess(host=host, plain_http=rule.plain_http, token_hosts=tuple(rule.token_hosts))
            auth_file, covered = _choose_login(rule, reach, host)
            if auth_file is not None and covered:
                name = f"registry-{len(listed)}"
                files[name] = load_logins(auth_file, covered)
                access = replace(access, auth_file=name)
            listed.append(access)
        return tuple(listed)

    def _list_indexes(self, plan: Plan, files: dict[str, bytes]) -> tuple[IndexAccess, ...]:
        # Files of one index may lie on the host of another: all that are listed may be asked, those of the lock log in.
        asked = {_find_host(source.url) for source in plan.indexes}
        listed: list[IndexAccess] = []
        for host, index in self.settings.indexes.items():
            access = IndexAccess(host=host, mirror=index.mirror, plain_http=index.plain_http)
            if index.auth_file is not None and host in asked:
                name = f"index-{len(listed)}"
                files[name] = _load(index.auth_file)
                access = replace(access, auth_file=name)
            listed.append(access)
        return tuple(listed)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reach:
    """What a Step asks of registries.

    Attributes:
        images: what its logins cover.
        seen: what it looks at, too, by these logins or none: no login that can push is there for reading's sake.
        fetches: it is the Step that fetches, and pushes nothing.
    """

    images: tuple[Reference, ...]
    seen: tuple[Reference, ...] = ()
    fetches: bool = False


def _choose_login(rule: RegistrySettings, reach: _Reach, host: str) -> tuple[Path | None, list[Reference]]:
    """The file with the logins for a registry, and the images that they are to cover."""
    if reach.fetches and rule.pull_auth_file is not None:
        return rule.pull_auth_file, [image for image in (*reach.images, *reach.seen) if image.registry == host]
    images = [image for image in reach.images if image.registry == host]
    if reach.fetches:
        # A base with the packages of `system.apt` lies where its owner's images go: its login is the one that pushes.
        images = [image for image in images if not is_system_base(image)]
    return rule.auth_file, images


def _find_host(url: str) -> str:
    """As the operator's map has it: with a port only where it is not the scheme's own."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2].lower().removesuffix(":443" if parts.scheme == "https" else ":80")


def _make_source_url(web: str, repository: Repository | None) -> str:
    return "" if repository is None else f"{web.rstrip('/')}/{repository.full_name}"


def _load(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsInvalid(f"{path} cannot be read: {error.strerror}", hint="check the path and its mode") from error
