"""The block `registries` of the operator's settings: how each registry is reached, and who may push where.

Part of `hublish.settings`, which reads it; a setting's description says why its default is what it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from hublish.enginesettings import Section


class CreateSettings(Section):
    """Who makes a repository of images that is not there yet."""

    by: Literal["push", "ecr", "quay", "harbor"] = Field(
        default="push",
        description="`push`: the registry itself, at the first push, as most do. The others: hublish, through the API of "
        "Amazon ECR (needs the extra `aws`), Quay or Harbor (there the project), before a build and before an onboarding "
        "pull request promises a push.",
    )
    auth_file: Path | None = Field(
        default=None,
        description="One line: for `ecr` `ACCESS_KEY_ID:SECRET_ACCESS_KEY`, for `quay` an OAuth token with `repo:create`, for "
        "`harbor` `user:password`. None: no login; for `ecr` what AWS gives this machine.",
    )
    api: str | None = Field(
        default=None,
        pattern=r"\Ahttps?://[^\s@?#]+\z",
        description="Root of that API; None: the registry's host, ECR's own.",
    )


class RegistrySettings(Section):
    """One registry."""

    auth_file: Path | None = Field(default=None, description="A docker config.json; None for anonymous access.")
    pull_auth_file: Path | None = Field(
        default=None,
        description="The same with logins that only read, for the Step of a pod that fetches, which needs one to read out of "
        "private repositories: layer indexes, bases with `system.apt`, wheels that were built for it, and the files that a wheel is "
        "made from; None: it is given the logins of `auth_file` that cover the other bases.",
    )
    plain_http: bool = Field(default=False, description="HTTP instead of HTTPS; off, as passwords would be readable.")
    token_hosts: list[str] = Field(
        default_factory=list, description="Hosts of its token service that may be sent the credentials."
    )
    namespaces: dict[str, list[str]] = Field(
        default_factory=dict,
        description='Repository owner ("*" for all) to the prefixes they may push to and nobody else may build on; empty: nobody may push.',
    )
    create: CreateSettings = Field(
        default_factory=CreateSettings, description="Who makes a repository of images that is not there yet."
    )
