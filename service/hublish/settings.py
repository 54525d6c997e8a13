"""The operator's settings: one YAML file named by `HUBLISH_SETTINGS`, secrets only as paths of files.

The only module that reads the environment. Every fault of the file is reported at once. A setting's description says
why its default is what it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, ValidationError

from hublish.core.place import render_key
from hublish.core.trees.yamltree import parse_tree
from hublish.enginesettings import EngineSettings, Section
from hublish.errors import SettingsInvalid, clip
from hublish.limitsettings import LimitSettings
from hublish.registrysettings import RegistrySettings
from hublish.servicesettings import ApiSettings, ScheduleSettings

ENVIRONMENT_VARIABLE = "HUBLISH_SETTINGS"
SETTINGS_LIMIT_BYTES = 1 << 20
_SQLITE = "sqlite:///"


class GitHubSettings(Section):
    """Who we are on GitHub."""

    api: str = Field(
        default="https://api.github.com", description="API root; an Enterprise host is set here and nowhere else."
    )
    web: str = Field(default="https://github.com", description="Root of links that people follow.")
    seconds_between_writes: float = Field(
        default=1.0, ge=0, description="Pause between two writes of one kind; one second, as GitHub asks for."
    )
    app_id: int = Field(description="The App's id, from its page on GitHub.")
    private_key_file: Path = Field(description="The App's private key, PEM, as GitHub let it be downloaded.")
    webhook_secret_files: Annotated[list[Path], Field(min_length=1, max_length=2)] = Field(
        description="One secret, or two while the secret is being changed; without one nothing starts."
    )
    onboarding_per_hour: int = Field(
        default=20, ge=0, description="Pull requests to new repositories in an hour; few, as people read them. 0: none."
    )
    bots: list[str] = Field(
        default_factory=list,
        description='Logins of bots, as "renovate[bot]", whose commands and build issues count like those of a person with '
        "write permission, in every repository; none, as bots repeat what strangers write.",
    )


class IndexSettings(Section):
    """One package index, by the host that locks name."""

    mirror: str | None = Field(default=None, description="Base URL used instead of the lock's; None: as the lock says.")
    auth_file: Path | None = Field(default=None, description="One line `user:password`; None for anonymous access.")
    plain_http: bool = Field(default=False, description="HTTP instead of HTTPS; off, as a lock's hashes hide nothing.")


class ProxySettings(Section):
    """The way out, where there is no direct one; every client takes it."""

    https: str | None = Field(
        default=None, description="`http://host:port` for https URLs, by CONNECT; None: they are asked directly."
    )
    http: str | None = Field(default=None, description="The same for plain http URLs; None: they are asked directly.")
    no_proxy: list[str] = Field(
        default_factory=list,
        description="What is asked directly: names (and all below them), addresses, networks as 10.0.0.0/8, each with "
        "`:port` if need be; this machine always is.",
    )
    auth_file: Path | None = Field(default=None, description="One line `user:password` for both; None: no login.")


class AcceptSettings(Section):
    """What a hub takes from whom."""

    repo: str = Field(description="Source repository, `owner/name`, or `owner/*` for all of an owner's.")
    images: list[str] = Field(
        default_factory=lambda: ["*"],
        description="Names of entries, `*` for any run of characters; all, as the repository is the decision.",
    )
    file: str = Field(
        default="*", description="Pattern for the entry's file; any file of the folder, as an entry names its owner."
    )


class HubSettings(Section):
    """One hub's image list."""

    repo: str = Field(description="Repository that holds the list, `owner/name`; the App is installed on it, too.")
    branch: str = Field(default="main", description="Branch that pull requests go to; GitHub's own default name.")
    kind: Literal["imagestream"] = Field(
        default="imagestream", description="Form of the list; the only one that this version edits."
    )
    folder: str = Field(description="Folder of the list in the repository.")
    jupyterhub: int | None = Field(default=None, description="Major version of the hub; None: not compared.")
    pin: Literal["digest", "tag"] = Field(default="digest", description="digest, as a tag can move after the review.")
    accept: list[AcceptSettings] = Field(
        default_factory=list,
        description="What the hub takes, besides its own .hublish-hub.yaml; nothing, as a hub has to consent.",
    )


class CacheSettings(Section):
    """What builds keep in registries."""

    registry: bool = Field(
        default=True,
        description="Keep what is known of layers beside the images, signed, so that an empty disk costs no rebuild.",
    )
    signing_key_file: Path | None = Field(
        default=None,
        description="Ed25519 private key, PEM, that signs it and is believed; None: one is made in `data`.",
    )


class Settings(Section):
    """The whole file."""

    github: GitHubSettings = Field(description="The App that this service is on GitHub.")
    public_url: str = Field(description="Root of this service as people reach it; links in comments start with it.")
    data: Path = Field(description="Folder of logs and caches; the SQLite file usually lies there too.")
    database: str = Field(description="`sqlite:///path` (the path counts from this file) or `postgresql://...`.")
    registries: dict[str, RegistrySettings] = Field(
        default_factory=dict, description="Host to registry; none, as only what is listed is spoken to."
    )
    indexes: dict[str, IndexSettings] = Field(
        default_factory=dict, description="Host to package index; none, as only what is listed is spoken to."
    )
    default_index: str | None = Field(
        default=None,
        pattern=r"\Ahttps?://[^\s@?#]+\z",
        description="Simple API for locks that name no index; its host is listed under `indexes`. None: such locks are "
        "refused, as no index is everybody's.",
    )
    bases: dict[str, str] = Field(default_factory=dict, description="Python version to the base image used for it.")
    hubs: dict[str, HubSettings] = Field(
        default_factory=dict, description="Name, as configs use it, to hub; none: images are pushed and not listed."
    )
    engines: EngineSettings = Field(default_factory=EngineSettings, description="Choices per engine.")
    cache: CacheSettings = Field(default_factory=CacheSettings, description="What builds keep in registries.")
    limits: LimitSettings = Field(default_factory=LimitSettings, description="What a build and the service may use.")
    schedule: ScheduleSettings = Field(default_factory=ScheduleSettings, description="What is done unasked.")
    api: ApiSettings = Field(default_factory=ApiSettings, description="The HTTP API.")
    ca_file: Path | None = Field(
        default=None, description="CA bundle for every client, in place of the system's; None: the system's."
    )
    proxy: ProxySettings = Field(
        default_factory=ProxySettings,
        description="Proxies for every client; none, as the service reads no environment.",
    )
    logs: Path | None = Field(
        default=None,
        description="Folder of the logs of builds; replicas on several machines need a shared one. None: in `data`.",
    )
    executor_id: str | None = Field(
        default=None,
        pattern=r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,99}\z",
        description="Stable name of this replica, each with its own. None: with SQLite `local`, else the machine's name, "
        "which a pod has to itself.",
    )

    @property
    def log_folder(self) -> Path:
        """Where the logs of builds lie; all replicas see it."""
        return self.logs or self.data / "logs"


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Load the settings file that `HUBLISH_SETTINGS` names.

    Raises:
        SettingsInvalid: the variable is missing, the file is unreadable, or any of its values is wrong; all faults
            are in the message, one per line.
    """
    named = environ.get(ENVIRONMENT_VARIABLE)
    if not named:
        raise SettingsInvalid(
            f"{ENVIRONMENT_VARIABLE} is not set", hint=f"export {ENVIRONMENT_VARIABLE}=/path/to/settings.yaml"
        )
    path = Path(named)
    try:
        with path.open("rb") as file:
            body = file.read(SETTINGS_LIMIT_BYTES + 1)
    except OSError as error:
        raise SettingsInvalid(
            f"{path}: cannot be read: {error.strerror}", hint="check the path and its mode"
        ) from error
    return parse_settings(body, path=path)


def parse_settings(body: bytes, *, path: Path) -> Settings:
    """Parse a settings file; relative paths in it count from its folder.

    Raises:
        SettingsInvalid: see `load_settings`.
    """
    if len(body) > SETTINGS_LIMIT_BYTES:
        raise SettingsInvalid(f"{path}: larger than {SETTINGS_LIMIT_BYTES} bytes")
    try:
        plain = yaml.safe_load(body)
    except yaml.YAMLError as error:
        raise SettingsInvalid(f"{path}: not YAML: {clip(str(error))}") from error
    try:
        settings = Settings.model_validate(plain)
    except ValidationError as error:
        raise SettingsInvalid(
            "\n".join(_explain_faults(body, error, path)), hint="docs/reference/settings.md lists every key"
        ) from error
    return _resolve_paths(settings, path.parent)


def _explain_faults(body: bytes, error: ValidationError, path: Path) -> list[str]:
    """One line a fault: file, line, column, key, what was expected, what to do. No value: it may be a secret."""
    # Here, because settings without a fault need no words for one.
    from hublish.core.trees.yamlfaults import explain_fault  # noqa: PLC0415  # start-up time

    tree = parse_tree(body, path=str(path)).tree
    details = error.errors(include_url=False)
    if tree is None:
        # A file that only this reader takes, by its size: its faults have keys and no lines.
        return [f"{path}: {render_key(fault['loc']) or 'the file'}: {fault['msg']}" for fault in details]
    findings = [explain_fault(tree, Settings, fault, show_values=False) for fault in details]
    return [
        f"{found.place}: {found.key or 'the file'}: {found.message}{f' ({found.hint})' if found.hint else ''}"
        for found in findings
    ]


def _resolve_paths(settings: Settings, folder: Path) -> Settings:
    def at(path: Path | None) -> Path | None:
        return None if path is None else folder / path

    github = settings.github.model_copy(
        update={
            "private_key_file": at(settings.github.private_key_file),
            "webhook_secret_files": [folder / file for file in settings.github.webhook_secret_files],
        }
    )
    return settings.model_copy(
        update={
            "github": github,
            "data": folder / settings.data,
            "database": _resolve_database(settings.database, folder),
            "logs": folder / settings.log_folder,
            "ca_file": at(settings.ca_file),
            "api": settings.api.model_copy(update={"key_file": at(settings.api.key_file)}),
            "cache": settings.cache.model_copy(update={"signing_key_file": at(settings.cache.signing_key_file)}),
            "proxy": settings.proxy.model_copy(update={"auth_file": at(settings.proxy.auth_file)}),
            "engines": _resolve_engines(settings.engines, folder),
            "registries": {
                host: registry.model_copy(
                    update={
                        "auth_file": at(registry.auth_file),
                        "pull_auth_file": at(registry.pull_auth_file),
                        "create": registry.create.model_copy(update={"auth_file": at(registry.create.auth_file)}),
                    }
                )
                for host, registry in settings.registries.items()
            },
            "indexes": {
                host: index.model_copy(update={"auth_file": at(index.auth_file)})
                for host, index in settings.indexes.items()
            },
        }
    )


def _resolve_engines(engines: EngineSettings, folder: Path) -> EngineSettings:
    kubeconfig = engines.tekton.kubeconfig
    resolved = None if kubeconfig is None else folder / kubeconfig
    return engines.model_copy(
        update={
            "tekton": engines.tekton.model_copy(update={"kubeconfig": resolved}),
            "secrets": {
                repository: {name: folder / file for name, file in files.items()}
                for repository, files in engines.secrets.items()
            },
        }
    )


def _resolve_database(url: str, folder: Path) -> str:
    path = url.removeprefix(_SQLITE)
    return url if path in (url, "") else f"{_SQLITE}{folder / path}"
