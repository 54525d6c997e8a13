"""The few settings that count before there is an App: GitHub's addresses and the way out, of the operator's file.

The same file and the same keys as `settings`, which wants the App's id and key; the rest of the file is not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hublish.errors import SettingsInvalid
from hublish.settings import ENVIRONMENT_VARIABLE, SETTINGS_LIMIT_BYTES, GitHubSettings, ProxySettings


def _default(name: str) -> str:
    return str(GitHubSettings.model_fields[name].default)


class FirstGitHub(BaseModel):
    """Where GitHub is; an Enterprise host is set here and nowhere else."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    api: str = Field(default_factory=lambda: _default("api"), pattern=r"\Ahttps?://[^\s?#]+\z")
    web: str = Field(default_factory=lambda: _default("web"), pattern=r"\Ahttps?://[^\s?#]+\z")


class FirstSettings(BaseModel):
    """What of the file counts."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    github: FirstGitHub = Field(default_factory=FirstGitHub)
    ca_file: Path | None = None
    proxy: ProxySettings = Field(default_factory=ProxySettings)


def load_first_settings(environ: Mapping[str, str]) -> FirstSettings:
    """Load them from the file that `HUBLISH_SETTINGS` names; github.com and a direct way out without one.

    Raises:
        SettingsInvalid: the file is unreadable, or one of these values is wrong.
    """
    named = environ.get(ENVIRONMENT_VARIABLE)
    if not named:
        return FirstSettings()
    path = Path(named)
    try:
        with path.open("rb") as file:
            plain = yaml.safe_load(file.read(SETTINGS_LIMIT_BYTES)) or {}
        settings = FirstSettings.model_validate(plain)
    except OSError as error:
        raise SettingsInvalid(f"{path}: cannot be read: {error.strerror}", hint="check the path") from error
    except yaml.YAMLError as error:
        raise SettingsInvalid(f"{path}: not YAML", hint="`hublish doctor` says where") from error
    except ValidationError as error:
        keys = ", ".join(".".join(str(part) for part in fault["loc"]) for fault in error.errors())
        raise SettingsInvalid(
            f"{path}: not usable: {keys}", hint="docs/reference/settings.md lists every key"
        ) from error
    proxy = settings.proxy
    auth_file = None if proxy.auth_file is None else path.parent / proxy.auth_file
    return settings.model_copy(
        update={
            "ca_file": None if settings.ca_file is None else path.parent / settings.ca_file,
            "proxy": proxy.model_copy(update={"auth_file": auth_file}),
        }
    )
